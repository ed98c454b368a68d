#include "supervisor/io/worker_launch.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "common/base/text.hpp"
#include "common/io/timer.hpp"
#include "supervisor/io/program_search.hpp"

namespace scpool::supervisor {
namespace {

using namespace std::chrono_literals;

constexpr Duration kVersionLimit = 5s;
constexpr const char* kSomePort = "127.0.0.1:PORT";

class OpenFile {
 public:
  explicit OpenFile(int descriptor) : descriptor_(descriptor) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (descriptor_ >= 0) {
      close(descriptor_);
    }
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

// What the program prints; empty when it prints nothing within the limit.
std::string printed_by(const std::string& program, const std::vector<std::string>& arguments) {
  const OpenFile output(memfd_create("version", MFD_CLOEXEC));
  if (output.get() < 0) {
    return {};
  }
  SpawnPlan plan;
  plan.program = program;
  plan.arguments = arguments;
  plan.environment = inherited_environment();
  plan.stdout_descriptor = output.get();
  plan.stderr_descriptor = output.get();
  EventLoop loop;
  Timer limit(loop);
  auto child = ChildProcess::spawn(loop, plan, [&limit](const ProcessExit&) { limit.cancel(); });
  if (!child) {
    return {};
  }
  limit.start(kVersionLimit, [&child] { child.value()->signal_group(SIGKILL); });
  loop.run();
  std::array<char, 4096> text{};
  const ssize_t count = pread(output.get(), text.data(), text.size(), 0);
  return count > 0 ? std::string(text.data(), static_cast<std::size_t>(count)) : std::string{};
}

// Of the loopback interface, free now. Should another program take it first, the worker ends with
// the cause `port` and the next start looks for another.
Result<std::string> find_free_address() {
  const OpenFile listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (listener.get() < 0 || bind(listener.get(), generic, size) != 0 ||
      getsockname(listener.get(), generic, &size) != 0) {
    return Error::from_errno(errno, "a port for the worker's API");
  }
  return "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

// A worker that was just started may not listen yet.
Result<std::string> free_address(const std::vector<std::string>& taken) {
  constexpr int kTries = 16;
  Result<std::string> address = find_free_address();
  for (int i = 0; i < kTries && address.ok() &&
                  std::find(taken.begin(), taken.end(), address.value()) != taken.end();
       ++i) {
    address = find_free_address();
  }
  return address;
}

WorkerLaunch launch_with(const LaunchConfig& launch,
                         const LaunchingPool& pool,
                         WorkerId worker,
                         std::string api_address) {
  const PoolConfig& config = launch.config;
  WorkerLaunch result;
  result.worker = worker;
  result.files = worker_files(pool.directories, config.name, worker);
  result.api_address = api_address.empty() ? "unix:" + result.files.socket : std::move(api_address);
  const std::string mark = instance_mark(pool.instance, worker);
  std::string mark_pair = mark;
  mark_pair.replace(mark_pair.find('='), 1, ":");
  const LaunchFacts facts = {
      {"tunnel_name", config.tunnel_name},
      {"user", launch.account.user},
      {"region", config.account.region},
      {"rest_url", launch.account.url},
      {"own_rest_url", config.account.rest_url.empty() ? "" : launch.account.url},
      {"api_address", result.api_address},
      {"log_file", result.files.log},
      {"log_size", config.log.max_size == 0 ? "" : std::to_string(config.log.max_size)},
      {"pid_file", result.files.pid_file},
      {"ready_file", result.files.ready_file},
      {"supervisor_socket", pool.control_socket},
      {"orphan_grace", duration_text(config.worker.orphan_grace)},
      {"metadata", mark},
      {"metadata_pair", mark_pair},
      {"ca_file", launch.account.ca_files.empty() ? "" : launch.account.ca_files.front()},
      {"proxy_localhost", config.worker.proxy_localhost},
      {"log_level", config.worker.log_level},
      {"log_format", config.log.format}};
  result.plan =
      launch_plan(*launch.kind, facts, launch.account.access_key, config.worker.arguments);
  if (!config.worker.program.empty()) {
    result.plan.program = config.worker.program;
  }
  for (const auto& [name, value] : config.worker.environment) {
    result.plan.environment.emplace_back(name, Secret(value));
  }
  if (config.worker.open_files > 0) {
    result.open_files_limit = config.worker.open_files;
  }
  return result;
}

}  // namespace

Result<ProgramFinding> find_worker_program(const WorkerSettings& settings) {
  ProgramFinding finding;
  finding.kind = find_worker_kind(settings.kind);
  auto path = find_program(settings.program.empty() ? finding.kind->program : settings.program);
  if (!path) {
    return path.error();
  }
  finding.path = std::move(path).value();
  if (finding.kind->version_arguments.empty()) {
    return finding;
  }
  finding.version =
      parse_program_version(printed_by(finding.path, finding.kind->version_arguments));
  if (finding.version.has_value()) {
    auto fitting = fitting_worker_kind(settings.kind, *finding.version);
    if (!fitting) {
      return fitting.error().within(finding.path);
    }
    finding.kind = fitting.value();
  }
  return finding;
}

Result<WorkerLaunch> make_worker_launch(const LaunchConfig& launch,
                                        const LaunchingPool& pool,
                                        WorkerId worker) {
  if (launch.kind->api == ApiTransport::UnixSocket) {
    return launch_with(launch, pool, worker, {});
  }
  auto address = free_address(pool.taken);
  return address
             ? Result<WorkerLaunch>(launch_with(launch, pool, worker, std::move(address).value()))
             : address.error();
}

std::string launch_text(const LaunchConfig& launch, const LaunchingPool& pool, WorkerId worker) {
  return launch_with(
             launch, pool, worker, launch.kind->api == ApiTransport::Loopback ? kSomePort : "")
      .plan.redacted_text();
}

}  // namespace scpool::supervisor
