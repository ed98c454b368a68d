#include "supervisor/io/worker_probe.hpp"

#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/text.hpp"
#include "supervisor/io/log_tail.hpp"

namespace scpool::supervisor {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxDetail = 200;
constexpr std::string_view kUnixScheme = "unix:";
// Each question of each worker may wake us. A tunnel that was ended and made anew is noticed after
// so many probes at the latest; usually the worker is not ready in between.
constexpr std::uint32_t kProbesPerInfo = 6;

std::uint32_t count_of(const std::string& metrics,
                       std::string_view name,
                       std::string_view label = {}) {
  if (name.empty()) {
    return 0;
  }
  const double value = metric_sum(metrics, name, label).value_or(0.0);
  return value > 0.0 && value < 4e9 ? static_cast<std::uint32_t>(value) : 0;
}

std::uint64_t bytes_of(const std::string& metrics, std::string_view name) {
  const double value = metric_sum(metrics, name).value_or(0.0);
  return value > 0.0 && value < 9e18 ? static_cast<std::uint64_t>(value) : 0;
}

}  // namespace

std::optional<double> metric_sum(const std::string& text,
                                 std::string_view name,
                                 std::string_view label) {
  std::optional<double> sum;
  for (const std::string_view line : split(text, '\n')) {
    if (!line.starts_with(name) || line.size() <= name.size()) {
      continue;
    }
    const char next = line[name.size()];
    const std::size_t labels_end = next == '{' ? line.rfind('}') : name.size() - 1;
    if ((next != ' ' && next != '{') || labels_end == std::string_view::npos) {
      continue;
    }
    if (line.substr(0, labels_end).find(label) == std::string_view::npos) {
      continue;
    }
    const std::string value(trim(line.substr(labels_end + 1)));
    sum = sum.value_or(0.0) + std::strtod(value.c_str(), nullptr);
  }
  return sum;
}

void WorkerProbe::start(const WorkerProcess& process, Duration timeout, OnAnswer on_answer) {
  const WorkerId worker = process.worker();
  auto& slot = running_[worker];
  slot = std::make_unique<Run>();
  Run& run = *slot;
  run.answer.worker = worker;
  run.kind = &process.kind();
  run.on_answer = std::move(on_answer);
  if (const auto facts = read_process_facts(process.pid())) {
    run.answer.memory = facts->resident_bytes;
    run.answer.descriptors = facts->open_descriptors;
  }
  const WorkerKind& kind = process.kind();
  if (kind.readiness == ReadinessSource::ReadyFile) {
    look_for_ready_file(process);
    return;
  }
  run.address = process.api_address();
  run.deadline = loop_.now() + timeout;
  const Question questions[] = {{kind.ready_path, &WorkerProbe::take_ready},
                                {kind.health_path, &WorkerProbe::take_health},
                                {kind.info_path, &WorkerProbe::take_info},
                                {kind.metrics_path, &WorkerProbe::take_metrics}};
  for (const Question& question : questions) {
    if (!question.path.empty()) {
      run.questions.push_back(question);
    }
  }
  ask_next(worker);
}

void WorkerProbe::ask_next(WorkerId worker) {
  Run& run = *running_.at(worker);
  HttpCall call;
  const bool by_socket = run.address.starts_with(kUnixScheme);
  call.url = "http://" + (by_socket ? "worker" : run.address) + run.questions[run.next].path;
  call.unix_socket = by_socket ? run.address.substr(kUnixScheme.size()) : "";
  call.timeout = run.deadline - loop_.now();
  run.call = client_.start(std::move(call), [this, worker](const Result<HttpAnswer>& answer) {
    const auto found = running_.find(worker);
    if (found == running_.end()) {
      return;
    }
    if (!answer.ok()) {
      fail(worker, answer.error().sentence());
      return;
    }
    Run& asked = *found->second;
    const Take take = asked.questions[asked.next].take;
    (this->*take)(asked, answer.value());
    if (++asked.next == asked.questions.size()) {
      finish(worker);
    } else {
      ask_next(worker);
    }
  });
}

// The vendor's older client tells by a file; there is no answer to wait for.
void WorkerProbe::look_for_ready_file(const WorkerProcess& process) {
  const WorkerId worker = process.worker();
  Run& run = *running_[worker];
  run.answer.ready = access(process.files().ready_file.c_str(), F_OK) == 0;
  run.answer.connected = run.answer.ready;
  run.answer.detail = run.answer.ready ? "" : "no ready file yet";
  if (!process.kind().tunnel_phrase.empty()) {
    run.answer.tunnel = TunnelId{word_after(process.files().log, process.kind().tunnel_phrase)};
  }
  loop_.post([this, worker] { finish(worker); });
}

void WorkerProbe::forget(WorkerId worker) {
  running_.erase(worker);
  known_.erase(worker);
}

void WorkerProbe::leave_out(Run& run, Take take) const {
  std::erase_if(run.questions, [take](const Question& one) { return one.take == take; });
}

void WorkerProbe::take_ready(Run& run, const HttpAnswer& answer) {
  run.answer.ready = answer.status == 200;
  if (run.answer.ready || run.kind->health_path.empty()) {
    run.answer.connected = run.answer.ready;
    leave_out(run, &WorkerProbe::take_health);
  }
  Known& known = known_[run.answer.worker];
  if (run.answer.ready && !known.tunnel.empty() && ++known.probes < kProbesPerInfo) {
    run.answer.tunnel = known.tunnel;
    leave_out(run, &WorkerProbe::take_info);
  } else {
    known = {};
  }
  if (!run.answer.ready) {
    run.answer.detail = std::string(trim(answer.body)).substr(0, kMaxDetail);
  }
}

void WorkerProbe::take_health(Run& run, const HttpAnswer& answer) {
  run.answer.connected = answer.status == 200;
  run.disconnected = !run.answer.connected;
}

void WorkerProbe::take_info(Run& run, const HttpAnswer& answer) {
  const Json root = parse_json(answer.body);
  const auto id = root.is_object() ? root.find(run.kind->tunnel_key) : root.end();
  if (root.is_object() && id != root.end() && id->is_string()) {
    run.answer.tunnel = TunnelId{id->get<std::string>()};
    known_[run.answer.worker] = {run.answer.tunnel, 0};
  }
}

void WorkerProbe::take_metrics(Run& run, const HttpAnswer& answer) {
  run.answer.jobs = count_of(answer.body, run.kind->jobs_metric);
  run.answer.streams = count_of(answer.body, run.kind->streams_metric);
  run.answer.connections = count_of(answer.body, run.kind->connections_metric);
  run.answer.suspect_connections =
      count_of(answer.body, "sauce_connect_conn_state", "state=\"suspect\"");
  run.answer.suspended_connections =
      count_of(answer.body, "sauce_connect_conn_state", "state=\"suspended\"");
  run.answer.sent_bytes = bytes_of(answer.body, "sauce_connect_tunnel_sent_bytes");
  run.answer.received_bytes = bytes_of(answer.body, "sauce_connect_tunnel_received_bytes");
}

void WorkerProbe::finish(WorkerId worker) {
  const auto found = running_.find(worker);
  if (found == running_.end()) {
    return;
  }
  const std::unique_ptr<Run> run = std::move(found->second);
  running_.erase(found);
  if (!run->answer.ready && run->disconnected) {
    run->answer.detail = "not connected to the server";
  }
  run->on_answer(std::move(run->answer));
}

void WorkerProbe::fail(WorkerId worker, const std::string& why) {
  const auto found = running_.find(worker);
  const std::unique_ptr<Run> run = std::move(found->second);
  running_.erase(found);
  run->on_answer(ProbeFailed{worker, why});
}

}  // namespace scpool::supervisor
