// `sc-pool upgrade`: asks for it, waits for its end, says what came of it.
#include <unistd.h>

#include <filesystem>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/text.hpp"
#include "supervisor/io/process_watch.hpp"
#include "supervisor/io/upgrade_report.hpp"
#include "supervisor/pool_connection.hpp"
#include "supervisor/verbs.hpp"

namespace scpool::supervisor {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLookPeriod = 50ms;

Result<UpgradeReport> ask(PoolConnection& pool) {
  const auto text = pool.get("/v1/upgrade");
  return text ? read_upgrade_report(text.value()) : Result<UpgradeReport>(text.error());
}

std::string request_body(const Settings& settings) {
  const std::chrono::duration<double> limit = settings.duration("confirm-within");
  std::string body = R"({"confirm_within_s":)" + std::to_string(limit.count());
  if (const std::string program = settings.text("program"); !program.empty()) {
    std::error_code ignored;
    body += R"(,"program":)" +
            json_text(nlohmann::json(std::filesystem::absolute(program, ignored).string()));
  }
  return body + "}";
}

ExitCode tell(const UpgradeReport& report) {
  if (report.state == UpgradeState::Done) {
    Terminal(STDOUT_FILENO).print(report.sentence());
    return ExitCode::Done;
  }
  return complain(ExitCode::Failed, report.sentence());
}

}  // namespace

ExitCode run_upgrade(const Invocation& invocation) {
  auto pool = PoolConnection::open(invocation.settings);
  if (!pool) {
    return failed(pool.error());
  }
  const auto before = ask(pool.value());
  if (!before) {
    return failed(before.error());
  }
  const auto answer = pool.value().post("/v1/upgrade", request_body(invocation.settings));
  if (!answer) {
    return complain(ExitCode::Failed, answer.error().sentence());
  }
  Terminal terminal(STDOUT_FILENO);
  const Duration limit = invocation.settings.duration("timeout");
  for (Duration waited{}; limit == Duration::zero() || waited < limit; waited += kLookPeriod) {
    // A connection that breaks in the exchange is made anew.
    const auto report = ask(pool.value());
    if (report && report.value().attempt > before.value().attempt && report.value().is_over()) {
      terminal.clear_live();
      return tell(report.value());
    }
    terminal.show_live(report ? report.value().sentence() : "handing over");
    pause_for(kLookPeriod);
  }
  terminal.clear_live();
  return complain(ExitCode::DeadlinePassed, "not done after " + duration_text(limit));
}

}  // namespace scpool::supervisor
