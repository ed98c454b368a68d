#include "supervisor/core/worker_kind_tables.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace scpool::supervisor {
namespace {

bool gives(const WorkerKind& kind, const char* flag) {
  return std::any_of(kind.arguments.begin(), kind.arguments.end(), [&](const WordGroup& group) {
    return group.words.front() == flag && group.only_if.empty();
  });
}

}  // namespace

TEST_CASE("no program is started outside a pool, nor with a secret on its command line") {
  for (const WorkerKind& kind : worker_kind_tables()) {
    CAPTURE(kind.name);
    CAPTURE(kind.since.text());
    CHECK((gives(kind, "--tunnel-pool") || gives(kind, "--no-remove-colliding-tunnels")));
    for (const WordGroup& group : kind.arguments) {
      for (const std::string& word : group.words) {
        CHECK(word.find("access_key") == std::string::npos);
        CHECK(std::count(kind.secret_flags.begin(), kind.secret_flags.end(), word) == 0);
      }
    }
    CHECK(std::count(kind.environment.begin(),
                     kind.environment.end(),
                     std::pair<std::string, std::string>("SAUCE_ACCESS_KEY", "{access_key}")) == 1);
  }
}

TEST_CASE("every program can be told ready from not, drained and stopped") {
  for (const WorkerKind& kind : worker_kind_tables()) {
    CAPTURE(kind.name);
    CHECK((kind.readiness == ReadinessSource::ReadyFile || !kind.ready_path.empty()));
    CHECK((kind.info_path.empty() ? !kind.tunnel_phrase.empty() : !kind.tunnel_key.empty()));
    CHECK(kind.drain_signal != 0);
    CHECK(kind.stop_signal != kind.drain_signal);
    const ExitRule& last = kind.exit_rules.back();
    CHECK((!last.code && last.phrase.empty()));
  }
}

TEST_CASE("descriptions of one name stand together, the newest first") {
  const auto& kinds = worker_kind_tables();
  for (std::size_t i = 1; i < kinds.size(); ++i) {
    const bool same = kinds[i].name == kinds[i - 1].name;
    CHECK((!same || kinds[i].since < kinds[i - 1].since));
    const auto earlier = std::count_if(
        kinds.begin(), kinds.begin() + static_cast<std::ptrdiff_t>(i) - 1, [&](const auto& kind) {
          return kind.name == kinds[i].name;
        });
    CHECK((same || earlier == 0));
  }
}

}  // namespace scpool::supervisor
