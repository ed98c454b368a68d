#include "worker/core/origin_figures.hpp"

#include <doctest/doctest.h>

using namespace scpool;
using namespace scpool::worker;
using namespace std::chrono_literals;

TEST_CASE("requests are counted by code and a bounded set of methods") {
  OriginFigures figures;
  figures.request_started("GET");
  figures.request_started("BREW-1");
  figures.request_started("BREW-2");
  CHECK(figures.in_flight().at("GET") == 1);
  CHECK(figures.in_flight().at("other") == 2);
  figures.request_finished("GET", 200, 7ms, 0, 2048);
  figures.request_finished("BREW-1", 200, 2min, 5, 0);
  CHECK(figures.in_flight().at("GET") == 0);
  const RequestFigures& get = figures.requests().at({200, "GET"});
  CHECK(get.duration.count == 1);
  CHECK(get.duration.counts.at(1) == 1);  // up to 10 ms
  CHECK(get.response_size.sum == 2048);
  CHECK(figures.requests().at({200, "other"}).duration.counts.back() == 1);
}

TEST_CASE("hosts beyond the bound share a label") {
  OriginFigures figures;
  for (std::size_t i = 0; i < 2 * OriginFigures::kMaxHosts; ++i) {
    ++figures.dials("host-" + std::to_string(i)).dialed;
  }
  CHECK(figures.dials_by_host().size() == OriginFigures::kMaxHosts + 1);
  CHECK(figures.dials_by_host().at("other").dialed == OriginFigures::kMaxHosts);
  CHECK(figures.dials("host-0").dialed == 1);
}

TEST_CASE("proxy errors are counted by reason") {
  OriginFigures figures;
  figures.proxy_error(ProxyErrorReason::DnsError);
  figures.proxy_error(ProxyErrorReason::DnsError);
  CHECK(figures.proxy_errors().at(ProxyErrorReason::DnsError) == 2);
}
