// The metrics of reference section b.3 and of the engineering notes section 7, as Prometheus text:
// the vendor's names under "sauce_connect_", so that existing dashboards go on working.
#pragma once

#include <string>
#include <vector>

#include "worker/core/origin_figures.hpp"
#include "worker/core/worker_facts.hpp"
#include "worker/io/connection_set.hpp"

namespace scpool::worker {

struct MetricsSources {
  const WorkerFacts& facts;
  const ConnectionSet* connections;  // null before there is a tunnel
  const OriginFigures& origin;
  std::uint64_t errors = 0;  // lines of level error
  Duration running = Duration::zero();
};

std::string worker_metrics(const MetricsSources& sources);

}  // namespace scpool::worker
