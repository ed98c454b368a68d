// `up`: what can be checked before anything exists, the way into the background, then the session.
#include "supervisor/io/program_exchange.hpp"
#include "supervisor/takeover.hpp"
#include "supervisor/up_session.hpp"
#include "supervisor/verbs.hpp"

namespace scpool::supervisor {

ExitCode run_up(const Invocation& invocation) {
  auto loaded = load_pool_config(invocation);
  if (const auto* problems = std::get_if<std::vector<Error>>(&loaded)) {
    for (const Error& problem : *problems) {
      complain(ExitCode::Usage, problem.sentence());
    }
    return ExitCode::Usage;
  }
  auto& config = std::get<LoadedConfig>(loaded);
  auto directories = directories_of(config.config);
  if (!directories) {
    return complain(ExitCode::Usage, directories.error().sentence());
  }
  if (!invocation.upgrade_check.empty()) {
    return answer_upgrade_check(invocation, config, directories.value());
  }
  std::optional<DetachedStart> detached;
  if (invocation.settings.is_on("detach") && !exchanged()) {
    auto detaching = DetachedStart::detach();
    if (!detaching) {
      return complain(ExitCode::Failed, detaching.error().sentence());
    }
    detached.emplace(std::move(detaching).value());
  }
  const auto session = std::make_unique<UpSession>(
      invocation, std::move(config), std::move(directories).value(), std::move(detached));
  return session->run();
}

}  // namespace scpool::supervisor
