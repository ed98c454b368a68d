// What a worker's local API says of it: /readyz decides, /info and /metrics add. One probe of a
// worker at a time, within a deadline. Reports; judging is health_judge's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "common/io/http_client.hpp"
#include "supervisor/core/pool_events.hpp"
#include "supervisor/core/worker_kinds.hpp"
#include "supervisor/io/worker_process.hpp"

namespace scpool::supervisor {

class WorkerProbe {
 public:
  using OnAnswer = std::function<void(std::variant<ProbeAnswered, ProbeFailed>)>;

  WorkerProbe(EventLoop& loop, HttpClient& client) : loop_(loop), client_(client) {}
  WorkerProbe(const WorkerProbe&) = delete;
  WorkerProbe& operator=(const WorkerProbe&) = delete;

  // The answer comes in a later turn, within `timeout`. A probe of the same worker that still runs
  // is replaced; forget() drops it.
  void start(const WorkerProcess& process, Duration timeout, OnAnswer on_answer);
  void forget(WorkerId worker);

 private:
  struct Run;
  using Take = void (WorkerProbe::*)(Run&, const HttpAnswer&);
  struct Question {
    std::string path;
    Take take;
  };
  struct Run {
    const WorkerKind* kind = nullptr;
    ProbeAnswered answer;
    OnAnswer on_answer;
    bool disconnected = false;  // by its own word
    std::string address;
    Instant deadline;  // of all its questions together
    std::vector<Question> questions;
    std::size_t next = 0;
    HttpClient::Ticket call;
  };

  // What a worker that was ready told once is asked again now and then only.
  struct Known {
    TunnelId tunnel;
    std::uint32_t probes = 0;  // since it told
  };

  // One after the other on one connection: many workers are probed at the same time.
  void ask_next(WorkerId worker);
  void leave_out(Run& run, Take take) const;
  void look_for_ready_file(const WorkerProcess& process);
  void take_ready(Run& run, const HttpAnswer& answer);
  void take_health(Run& run, const HttpAnswer& answer);
  void take_info(Run& run, const HttpAnswer& answer);
  void take_metrics(Run& run, const HttpAnswer& answer);
  void finish(WorkerId worker);
  void fail(WorkerId worker, const std::string& why);

  EventLoop& loop_;
  HttpClient& client_;
  std::map<WorkerId, std::unique_ptr<Run>> running_;
  std::map<WorkerId, Known> known_;
};

// The sum of a metric over its labels, in the Prometheus text format, or over those samples alone
// that bear `label` (NAME="VALUE"); nothing when there is none.
std::optional<double> metric_sum(const std::string& text,
                                 std::string_view name,
                                 std::string_view label = {});

}  // namespace scpool::supervisor
