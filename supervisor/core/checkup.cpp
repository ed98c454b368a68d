#include "supervisor/core/checkup.hpp"

#include <algorithm>
#include <array>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/text.hpp"
#include "supervisor/core/orphan_policy.hpp"

namespace scpool::supervisor {
namespace {

using namespace std::chrono_literals;

// Logs and the state file go on with less for a while, but not for long.
constexpr std::uint64_t kLeastFree = std::uint64_t{64} * 1024 * 1024;
// Each connection to a site is a descriptor of a worker.
constexpr std::uint64_t kLeastFiles = 1024;
constexpr std::size_t kNamedTunnels = 3;

Check passed(std::string name, std::string finding) {
  return {std::move(name), Verdict::Passed, std::move(finding), ""};
}

Check failed_check(std::string name, std::string finding, std::string mend) {
  return {std::move(name), Verdict::Failed, std::move(finding), std::move(mend)};
}

// "a, b, c and 4 more"
std::string named(const std::vector<TunnelId>& tunnels) {
  std::vector<std::string> names;
  for (const TunnelId& tunnel : tunnels) {
    if (names.size() < kNamedTunnels) {
      names.push_back(tunnel.value);
    }
  }
  const std::size_t more = tunnels.size() - names.size();
  return join(names, ", ") + (more > 0 ? " and " + std::to_string(more) + " more" : "");
}

std::string tunnels_text(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " tunnel" : " tunnels");
}

}  // namespace

std::string_view to_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::Passed:
      return "ok";
    case Verdict::Failed:
      return "failed";
    case Verdict::Skipped:
      return "skipped";
  }
  return "";
}

Check skipped(std::string name, std::string why) {
  return {std::move(name), Verdict::Skipped, std::move(why), ""};
}

Check judge_config(const ConfigFinding& finding) {
  if (!finding.problems.empty()) {
    const std::size_t more = finding.problems.size() - 1;
    const std::string count = more > 0 ? " (and " + std::to_string(more) + " more)" : "";
    const std::string file = finding.file.empty() ? "" : " --config " + shell_quoted(finding.file);
    return failed_check("config",
                        finding.problems.front() + count,
                        "put it right; 'sc-pool config check" + file + "' shows every problem");
  }
  return passed("config",
                (finding.file.empty() ? std::string("no file, defaults and flags") : finding.file) +
                    ": pool " + finding.pool + ", " + std::to_string(finding.size) +
                    (finding.size == 1 ? " worker" : " workers"));
}

Check judge_supervisor(const std::optional<RunningPool>& pool) {
  if (!pool.has_value()) {
    return skipped("supervisor", "none runs for this pool");
  }
  const std::string finding = "pid " + std::to_string(pool->supervisor_pid) + ", pool " +
                              pool->name + " is " + pool->state + ": " +
                              std::to_string(pool->ready) + " of " + std::to_string(pool->size) +
                              " workers ready";
  return pool->ready >= pool->size
             ? passed("supervisor", finding)
             : failed_check("supervisor",
                            finding,
                            "see why: sc-pool status --pool " + pool->name +
                                ", then sc-pool explain SLOT --pool " + pool->name);
}

Check judge_program(const Result<ProgramCheck>& finding) {
  const std::string name = "worker program";
  if (!finding) {
    return failed_check(name,
                        finding.error().sentence(),
                        finding.error().kind() == ErrorKind::NotFound
                            ? "install it beside sc-pool or in PATH, or set worker.program"
                            : "install the version that worker.kind is for, or change it");
  }
  const ProgramCheck& program = finding.value();
  if (program.needs_version && program.version.empty()) {
    return failed_check(name,
                        program.path + " does not tell its version",
                        "see that it is the client for worker.kind \"" + program.kind +
                            "\"; else set worker.program or worker.kind");
  }
  return passed(name,
                program.path + (program.version.empty() ? "" : ", version " + program.version));
}

Check judge_directory(const DirectoryFinding& finding) {
  if (!finding.problem.empty()) {
    return failed_check(finding.name,
                        finding.problem,
                        "give this user the right to write there, or set " + finding.setting);
  }
  if (finding.free_bytes.has_value() && *finding.free_bytes < kLeastFree) {
    return failed_check(finding.name,
                        finding.path + ": only " + size_text(*finding.free_bytes) + " free",
                        "make room there, or set " + finding.setting);
  }
  std::string text = finding.path + (finding.is_there ? ": writable" : ": can be made");
  if (finding.free_bytes.has_value()) {
    text += ", " + size_text(*finding.free_bytes) + " free";
  }
  return passed(finding.name, text);
}

Check judge_file_limits(const FileLimitFinding& finding) {
  const std::string name = "open files";
  if (finding.wished > finding.highest) {
    return failed_check(name,
                        "worker.open_files is " + std::to_string(finding.wished) +
                            ", the hard limit here is " + std::to_string(finding.highest),
                        "raise the hard limit (LimitNOFILE= or ulimit -Hn), or lower the setting");
  }
  const auto least = std::min_element(
      finding.limits.begin(), finding.limits.end(), [](const auto& left, const auto& right) {
        return left.files < right.files;
      });
  if (least == finding.limits.end()) {
    return skipped(name, "the limits cannot be read");
  }
  const std::string text = least->process + " may open " + std::to_string(least->files);
  return least->files < kLeastFiles
             ? failed_check(name,
                            text + ", too few for many connections at once",
                            "set worker.open_files, LimitNOFILE= or ulimit -n to " +
                                std::to_string(kLeastFiles) + " or more, then restart")
             : passed(name,
                      text + (finding.limits.size() > 1 ? ", the others as many or more" : ""));
}

Check judge_api_address(const ApiAddressFinding& finding) {
  const std::string name = "api address";
  const std::string pid = std::to_string(finding.supervisor_pid);
  switch (finding.state) {
    case ApiAddressFinding::State::Off:
      return skipped(name, "switched off");
    case ApiAddressFinding::State::Free:
      return passed(name, finding.address + " is free");
    case ApiAddressFinding::State::Ours:
      return passed(name, finding.address + " is our supervisor's (pid " + pid + ") and answers");
    case ApiAddressFinding::State::Silent:
      return failed_check(
          name,
          finding.address + " is our supervisor's (pid " + pid + "): " + finding.problem,
          "see the supervisor's log: sc-pool logs");
    case ApiAddressFinding::State::Taken:
      return failed_check(
          name, finding.problem, "stop the holder, or choose another with control.api_address");
  }
  return skipped(name, "");
}

Check judge_tunnels(const TunnelsFinding& finding) {
  OrphanPolicy policy;
  policy.listed(finding.tunnels, finding.living, finding.next_generation, Instant{}, Instant{});
  const std::vector<TunnelId> leaked = policy.condemned();
  const std::vector<TunnelId> foreign = policy.take_foreign();
  const auto active = static_cast<std::size_t>(
      std::count_if(finding.tunnels.begin(), finding.tunnels.end(), [](const auto& tunnel) {
        return !tunnel.ended;
      }));
  if (!foreign.empty()) {
    return failed_check(
        "tunnels",
        tunnels_text(foreign.size()) + " of our name without the pool flag: " + named(foreign),
        "end them where they were started, or set pool.tunnel_name: workers "
        "collide with them");
  }
  if (!leaked.empty()) {
    return failed_check(
        "tunnels",
        tunnels_text(leaked.size()) + " of ours without a living worker: " + named(leaked),
        finding.supervised ? "the supervisor deletes them; look again in a minute"
                           : "start the pool: the supervisor deletes them");
  }
  return passed("tunnels",
                active == 0 ? "none of our name is left over"
                            : tunnels_text(active) + " of our name, none leaked, none foreign");
}

Check judge_request(const RequestFinding& finding) {
  const std::string name = "worker " + to_text(finding.worker);
  const std::string slot = std::to_string(finding.worker.slot.value);
  const std::string mend = "see why: sc-pool explain " + slot + " and sc-pool logs " + slot +
                           "; replace it: sc-pool drain " + slot;
  if (finding.failure.has_value()) {
    return failed_check(name, "no answer: " + finding.failure->sentence(), mend);
  }
  if (finding.status == 200 && finding.page_came_whole) {
    return passed(name, "a request went through and back in " + rough_duration(finding.took));
  }
  // Only the worker knows its own rules: that it refuses proves the way to it and back.
  if (finding.status == 403 &&
      finding.proxy_status.find("destination_ip_prohibited") != std::string::npos) {
    return passed(name, "answers; sites on this machine are denied to it, as configured");
  }
  const std::string said = finding.proxy_status.empty() ? "" : " (" + finding.proxy_status + ")";
  return failed_check(name,
                      finding.status == 200 ? "the answer is not the page that was sent"
                                            : "status " + std::to_string(finding.status) + said,
                      mend);
}

bool any_failed(const std::vector<Check>& checks) {
  return std::any_of(checks.begin(), checks.end(), [](const Check& check) {
    return check.verdict == Verdict::Failed;
  });
}

std::string checks_json(const std::string& pool, const std::vector<Check>& checks) {
  using Json = nlohmann::json;
  Json list = Json::array();
  for (const Check& check : checks) {
    list.push_back({{"check", check.name},
                    {"state", to_text(check.verdict)},
                    {"finding", check.finding},
                    {"mend", check.mend.empty() ? Json() : Json(check.mend)}});
  }
  const Json root = {{"pool", pool}, {"ok", !any_failed(checks)}, {"checks", std::move(list)}};
  return json_text(root, 2) + "\n";
}

}  // namespace scpool::supervisor
