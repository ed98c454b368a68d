#include "supervisor/io/host_findings.hpp"

#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <utility>

#include "common/base/text.hpp"
#include "common/io/http_client.hpp"
#include "common/io/listener.hpp"
#include "supervisor/io/files.hpp"

namespace scpool::supervisor {
namespace {

// "Max open files            1024                 1048576              files" of proc(5).
std::optional<std::uint64_t> open_files_of(int pid) {
  constexpr std::string_view kLabel = "Max open files";
  std::ifstream file("/proc/" + std::to_string(pid) + "/limits");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(kLabel)) {
      const std::string_view rest = trim(std::string_view(line).substr(kLabel.size()));
      const std::string_view soft = rest.substr(0, rest.find(' '));
      return soft == "unlimited" ? std::optional(UINT64_MAX) : parse_number(soft);
    }
  }
  return std::nullopt;
}

void add_limit(FileLimitFinding& finding, std::string process, int pid) {
  if (const auto files = open_files_of(pid)) {
    finding.limits.push_back({std::move(process), *files});
  }
}

Result<HttpAnswer> fetch(const std::string& url, Duration timeout) {
  EventLoop loop;
  HttpClient client(loop);
  HttpCall call;
  call.url = url;
  call.timeout = timeout;
  std::optional<Result<HttpAnswer>> answer;
  const HttpClient::Ticket ticket =
      client.start(std::move(call), [&answer, &loop](Result<HttpAnswer> got) {
        answer = std::move(got);
        loop.stop();
      });
  while (!answer.has_value()) {
    loop.run();
  }
  return std::move(*answer);
}

}  // namespace

DirectoryFinding look_at_directory(std::string name, std::string setting, std::string path) {
  DirectoryFinding finding;
  finding.name = std::move(name);
  finding.setting = std::move(setting);
  finding.path = std::move(path);
  std::string there = finding.path;
  while (!file_exists(there) && there.size() > 1 && there.find('/') != std::string::npos) {
    there = there.substr(0, there.rfind('/'));
    there = there.empty() ? "/" : there;
  }
  finding.is_there = there == finding.path;
  if (!finding.is_there && access(there.c_str(), W_OK | X_OK) != 0) {
    const Error error = Error::from_errno(errno, finding.path + ": cannot be made in " + there);
    finding.problem = error.sentence();
    return finding;
  }
  const auto writable = finding.is_there ? make_private_directory(there) : Result<void>{};
  if (!writable) {
    finding.problem = writable.error().sentence();
    return finding;
  }
  struct statvfs facts {};
  if (statvfs(there.c_str(), &facts) == 0) {
    finding.free_bytes = std::uint64_t{facts.f_bavail} * facts.f_frsize;
  }
  return finding;
}

FileLimitFinding look_at_file_limits(const std::optional<RunningPool>& pool, std::uint64_t wished) {
  FileLimitFinding finding;
  finding.wished = wished;
  rlimit own{};
  if (getrlimit(RLIMIT_NOFILE, &own) == 0) {
    finding.highest = own.rlim_max;
  }
  if (!pool.has_value()) {
    finding.limits.push_back({"a worker started here", wished > 0 ? wished : own.rlim_cur});
    return finding;
  }
  add_limit(finding, "the supervisor", pool->supervisor_pid);
  for (const RunningWorker& worker : pool->workers) {
    if (worker.pid > 0) {
      add_limit(finding, "worker " + to_text(worker.worker), worker.pid);
    }
  }
  return finding;
}

ApiAddressFinding look_at_api_address(const std::optional<RunningPool>& pool,
                                      const std::string& configured,
                                      Duration timeout) {
  using State = ApiAddressFinding::State;
  ApiAddressFinding finding;
  finding.address = pool.has_value() ? pool->api_address : configured;
  if (finding.address.empty() || finding.address == "off") {
    return finding;
  }
  if (pool.has_value()) {
    finding.supervisor_pid = pool->supervisor_pid;
    const auto answer = fetch("http://" + finding.address + "/healthz", timeout);
    const bool well = answer.ok() && answer.value().status == 200;
    finding.state = well ? State::Ours : State::Silent;
    if (!well) {
      finding.problem = answer.ok() ? "status " + std::to_string(answer.value().status)
                                    : answer.error().sentence();
    }
    return finding;
  }
  EventLoop loop;
  const auto at = parse_endpoint(configured);
  const auto bound = at ? Listener::tcp(loop, at.value(), [](const std::unique_ptr<Stream>&) {})
                        : Result<std::unique_ptr<Listener>>(at.error());
  finding.state = bound.ok() ? State::Free : State::Taken;
  finding.problem = bound.ok() ? "" : bound.error().sentence();
  return finding;
}

}  // namespace scpool::supervisor
