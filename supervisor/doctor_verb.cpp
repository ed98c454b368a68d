// The verb doctor: gathers findings in the order in which one depends on the other, has them
// judged, and shows the checks. Changes nothing: what it makes to look, it removes.
#include <unistd.h>

#include <algorithm>

#include "common/io/child_process.hpp"
#include "supervisor/checkup_table.hpp"
#include "supervisor/core/checkup.hpp"
#include "supervisor/io/control_client.hpp"
#include "supervisor/io/files.hpp"
#include "supervisor/io/host_findings.hpp"
#include "supervisor/io/pool_search.hpp"
#include "supervisor/io/server_findings.hpp"
#include "supervisor/io/state_file.hpp"
#include "supervisor/io/worker_launch.hpp"
#include "supervisor/pool_connection.hpp"
#include "supervisor/pool_setup.hpp"
#include "supervisor/verbs.hpp"

namespace scpool::supervisor {
namespace {

// Everything the checks need, as far as it is known.
struct Patient {
  ConfigQuestion question;
  std::string socket;
  std::optional<RunningPool> pool;     // a supervisor answers
  std::optional<Error> silent;         // a supervisor is there and does not
  std::optional<LoadedConfig> config;  // readable and right
  std::vector<Error> config_problems;
  PoolDirectories directories;
  std::optional<RestAccount> account;  // nothing: there is no server to ask
  std::string key_problem;
  Duration timeout{};
};

void read_config(Patient& patient) {
  auto loaded = load_pool_config(patient.question);
  if (auto* problems = std::get_if<std::vector<Error>>(&loaded)) {
    patient.config_problems = std::move(*problems);
    return;
  }
  patient.config = std::get<LoadedConfig>(std::move(loaded));
  if (auto found = directories_of(patient.config->config)) {
    patient.directories = std::move(found).value();
  }
}

// A configuration that was named says which supervisor is meant; otherwise the flags, or the only
// one that is up.
Result<std::string> socket_of(const Patient& patient) {
  if (patient.config.has_value() && !patient.question.file.empty()) {
    const std::string& socket = patient.config->config.control.socket;
    return socket.empty() ? control_socket_path(patient.directories) : socket;
  }
  return find_control_socket(patient.question.socket, patient.question.pool);
}

// The status as it is now; an earlier one stays when there is no answer.
void ask_status(Patient& patient) {
  const auto answer = ControlClient(patient.socket).call("GET", "/v1/status", "", patient.timeout);
  if (!answer) {
    if (answer.error().kind() != ErrorKind::NotFound) {
      patient.silent = answer.error();
    }
    return;
  }
  auto pool = read_running_pool(answer.value().body);
  if (!pool) {
    patient.silent = pool.error().within(patient.socket);
    return;
  }
  patient.pool = std::move(pool).value();
}

// Invalid: which pool is meant cannot be told.
Result<void> find_supervisor(Patient& patient) {
  const auto socket = socket_of(patient);
  if (!socket) {
    return socket.error().kind() == ErrorKind::NotFound ? Result<void>{} : socket.error();
  }
  patient.socket = socket.value();
  ask_status(patient);
  return {};
}

// What a running supervisor was started with decides, where the flags say nothing.
void adopt_running(Patient& patient) {
  patient.question.pool = patient.pool->name;
  if (patient.question.file.empty()) {
    patient.question.file = patient.pool->config_file;
  }
  if (patient.pool->server.has_value()) {
    patient.question.mode = PoolMode::Local;
  }
  patient.config.reset();
  patient.config_problems.clear();
  read_config(patient);
}

void find_account(Patient& patient) {
  Result<Secret> key = Secret{};
  if (patient.pool.has_value() && patient.pool->server.has_value()) {
    const RunningServer& server = *patient.pool->server;
    patient.account = RestAccount{server.rest_url, server.user, {}, {server.ca_file}};
    key = read_secret_file(server.access_key_file);
  } else if (patient.config.has_value() && patient.config->mode == PoolMode::Cloud) {
    patient.account = keyless_account(patient.config->config);
    auto account = account_of(patient.config->config, patient.directories);
    key = account ? Result<Secret>(account.value().access_key) : Result<Secret>(account.error());
  }
  if (!key) {
    patient.key_problem = key.error().sentence();
  } else if (patient.account.has_value()) {
    patient.account->access_key = key.value();
  }
}

Check check_config(const Patient& patient) {
  ConfigFinding finding;
  finding.file = patient.question.file;
  if (patient.config.has_value()) {
    finding.file = patient.config->file;
    finding.pool = patient.config->config.name;
    finding.size = patient.config->config.policy.size;
  }
  for (const Error& problem : patient.config_problems) {
    finding.problems.push_back(problem.sentence());
  }
  return judge_config(finding);
}

Check check_supervisor(const Patient& patient) {
  return patient.silent.has_value()
             ? Check{"supervisor",
                     Verdict::Failed,
                     patient.silent->sentence(),
                     "ask as the user the pool belongs to; if it hangs, see its log"}
             : judge_supervisor(patient.pool);
}

Check check_program(const WorkerSettings& settings) {
  const auto found = find_worker_program(settings);
  if (!found) {
    return judge_program(found.error());
  }
  const ProgramFinding& program = found.value();
  return judge_program(ProgramCheck{program.path,
                                    program.version ? program.version->text() : "",
                                    !program.kind->version_arguments.empty(),
                                    settings.kind});
}

void check_host(const Patient& patient, std::vector<Check>& checks) {
  if (!patient.config.has_value()) {
    checks.push_back(skipped("this host", "without a configuration nothing more can be looked at"));
    return;
  }
  const PoolConfig& config = patient.config->config;
  checks.push_back(check_program(config.worker));
  const PoolDirectories& directories = patient.directories;
  checks.push_back(
      judge_directory(look_at_directory("run directory", "directories.run", directories.runtime)));
  checks.push_back(judge_directory(
      look_at_directory("state directory", "directories.state", directories.state)));
  checks.push_back(
      judge_directory(look_at_directory("log directory", "log.directory", directories.logs)));
  checks.push_back(judge_file_limits(look_at_file_limits(patient.pool, config.worker.open_files)));
  checks.push_back(judge_api_address(
      look_at_api_address(patient.pool, config.control.api_address, patient.timeout)));
}

// Without a supervisor, workers may still live on from one that died: by the state file.
std::vector<WorkerId> living_workers(const Patient& patient, const StoredState& state) {
  std::vector<WorkerId> living;
  if (patient.pool.has_value()) {
    for (const RunningWorker& worker : patient.pool->workers) {
      living.push_back(worker.worker);
    }
  } else if (state.boot_id == current_boot_id()) {
    for (const KnownProcess& process : state.processes) {
      const auto facts = read_process_facts(process.pid);
      if (facts.has_value() && facts->start_time == process.start_time) {
        living.push_back(process.worker);
      }
    }
  }
  return living;
}

Check check_tunnels(const Patient& patient,
                    const Result<StoredState>& state,
                    const ServerAnswer& answer) {
  if (answer.body.empty() || !patient.config.has_value()) {
    return skipped("tunnels", "the server gave no list");
  }
  if (!state) {
    return {"tunnels", Verdict::Failed, state.error().sentence(), "move the broken file away"};
  }
  const std::string& name =
      patient.pool.has_value() ? patient.pool->tunnel_name : patient.config->config.tunnel_name;
  auto listed = listed_tunnels(answer.body, name, state.value().instance);
  if (!listed) {
    return {"tunnels",
            Verdict::Failed,
            listed.error().sentence(),
            "see that account.rest_url is the REST API"};
  }
  TunnelsFinding finding;
  finding.tunnels = std::move(listed).value();
  finding.living = living_workers(patient, state.value());
  finding.next_generation = Generation{state.value().pool.next_generation};
  finding.supervised = patient.pool.has_value();
  return judge_tunnels(finding);
}

void check_workers(const Patient& patient, std::vector<Check>& checks) {
  if (!patient.pool.has_value()) {
    checks.push_back(skipped("workers", "none runs under a supervisor"));
    return;
  }
  if (!patient.pool->server.has_value()) {
    checks.push_back(skipped("workers", "a request through each needs the server of up --local"));
    return;
  }
  TunnelTrial trial(*patient.account, patient.pool->server->ingress_url, patient.timeout);
  if (const auto opened = trial.open_page(); !opened) {
    checks.push_back({"workers",
                      Verdict::Failed,
                      opened.error().sentence(),
                      "see that programs may listen on the loopback address"});
    return;
  }
  for (const RunningWorker& worker : patient.pool->workers) {
    const bool serves = worker.state == "ready" || worker.state == "unhealthy";
    checks.push_back(serves && !worker.tunnel.empty()
                         ? judge_request(trial.send_through(worker.worker, worker.tunnel))
                         : skipped("worker " + to_text(worker.worker), "is " + worker.state));
  }
  trial.finish();
}

void check_server(const Patient& patient,
                  const Result<StoredState>& state,
                  std::vector<Check>& checks) {
  if (!patient.account.has_value()) {
    checks.push_back(skipped("server",
                             patient.config.has_value()
                                 ? "the embedded server runs with the pool: sc-pool up --local"
                                 : "without a configuration it is not known"));
    return;
  }
  checks.push_back(judge_name(look_up_server(patient.account->url, patient.timeout)));
  ServerAnswer answer = ask_server(*patient.account, patient.timeout);
  answer.finding.key_problem = patient.key_problem;
  for (Check& check : judge_server(answer.finding)) {
    checks.push_back(std::move(check));
  }
  checks.push_back(check_tunnels(patient, state, answer));
  check_workers(patient, checks);
}

std::vector<Check> examine(const Patient& patient, const Result<StoredState>& state) {
  std::vector<Check> checks = {check_config(patient), check_supervisor(patient)};
  check_host(patient, checks);
  check_server(patient, state, checks);
  return checks;
}

}  // namespace

ExitCode run_doctor(const Invocation& invocation) {
  Patient patient;
  patient.question = config_question(invocation);
  patient.timeout = invocation.settings.duration("timeout");
  if (patient.timeout <= Duration::zero()) {
    return complain(ExitCode::Usage, "doctor: --timeout must be more than 0");
  }
  read_config(patient);
  if (const auto found = find_supervisor(patient); !found) {
    return failed(found.error());
  }
  if (patient.pool.has_value()) {
    adopt_running(patient);
  }
  // Before the status is asked again, so that a worker that is younger is not taken for dead.
  const auto state = StateFile(patient.directories.state + "/state.json").load();
  if (patient.pool.has_value()) {
    ask_status(patient);
  }
  find_account(patient);
  const std::vector<Check> checks = examine(patient, state);
  const std::string name = patient.pool.has_value()     ? patient.pool->name
                           : patient.config.has_value() ? patient.config->config.name
                                                        : patient.question.pool;
  const Terminal terminal(STDOUT_FILENO);
  terminal.write(invocation.settings.is_on("json") ? checks_json(name, checks)
                                                   : checkup_table(checks, terminal));
  return any_failed(checks) ? ExitCode::Failed : ExitCode::Done;
}

}  // namespace scpool::supervisor
