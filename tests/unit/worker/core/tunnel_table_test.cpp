// Every state of a tunnel's life against every event, printed and compared with the document.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/lifecycle_walk.hpp"

namespace scpool::worker {
namespace {

constexpr Instant kNow = kWalkStart;
constexpr Instant kLate{std::chrono::hours{24}};

using Event = std::function<LifecycleActions(TunnelLifecycle&)>;
using Start = std::function<TunnelLifecycle()>;

TunnelLifecycle after(TunnelLifecycle lifecycle, const Event& event) {
  (void)event(lifecycle);
  return lifecycle;
}

std::vector<std::pair<std::string, Start>> states() {
  const Event stop = [](TunnelLifecycle& each) { return each.stop_requested("sigterm", kNow); };
  const Event no_jobs = [](TunnelLifecycle& each) {
    return each.delete_answered(std::uint64_t{0}, kNow);
  };
  return {
      {"idle", new_lifecycle},
      {"checking_updates",
       [] { return after(new_lifecycle(), [](auto& each) { return each.begin(kNow); }); }},
      {"creating", creating_lifecycle},
      {"provisioning",
       [] {
         TunnelLifecycle each = creating_lifecycle();
         (void)each.create_answered(created_tunnel(TunnelStatus::Booting), kNow);
         (void)each.wake(kNow + std::chrono::seconds{1});
         return each;
       }},
      {"connecting", connecting_lifecycle},
      {"serving", serving_lifecycle},
      {"draining", [stop] { return after(serving_lifecycle(), stop); }},
      {"closing", [stop, no_jobs] { return after(after(serving_lifecycle(), stop), no_jobs); }},
      {"deleting", [stop] { return after(connecting_lifecycle(), stop); }},
      {"gone", [stop] { return after(new_lifecycle(), stop); }},
  };
}

std::vector<std::pair<std::string, Event>> events() {
  const RestProblem refused{.status = 401, .sentence = "no"};
  const RestProblem unknown{.status = 404, .sentence = "no such tunnel"};
  const auto gave_up = [](GiveUp::Why why) {
    return [why](TunnelLifecycle& each) { return each.gave_up({why, "why"}, kNow); };
  };
  return {
      {"begin", [](auto& each) { return each.begin(kNow); }},
      {"updates-came", [](auto& each) { return each.updates_answered(ServerUpdates{}, kNow); }},
      {"updates-failed", [](auto& each) { return each.updates_answered(unreachable(), kNow); }},
      {"updates-refused", [=](auto& each) { return each.updates_answered(refused, kNow); }},
      {"created", [](auto& each) { return each.create_answered(created_tunnel(), kNow); }},
      {"create-failed", [](auto& each) { return each.create_answered(unreachable(), kNow); }},
      {"create-refused", [=](auto& each) { return each.create_answered(refused, kNow); }},
      {"tunnel-runs",
       [](auto& each) { return each.tunnel_answered(created_tunnel().state, kNow); }},
      {"tunnel-unknown", [=](auto& each) { return each.tunnel_answered(unknown, kNow); }},
      {"connection-stands", [](auto& each) { return each.connection_stands(kNow); }},
      {"gave-up-unknown", gave_up(GiveUp::Why::Unknown)},
      {"gave-up-deleted", gave_up(GiveUp::Why::Deleted)},
      {"gave-up-denied", gave_up(GiveUp::Why::Denied)},
      {"stop-requested", [](auto& each) { return each.stop_requested("sigterm", kNow); }},
      {"jobs-running", [](auto& each) { return each.delete_answered(std::uint64_t{1}, kNow); }},
      {"no-jobs", [](auto& each) { return each.delete_answered(std::uint64_t{0}, kNow); }},
      {"delete-failed", [](auto& each) { return each.delete_answered(unreachable(), kNow); }},
      {"connections-finished", [](auto& each) { return each.connections_finished(kNow); }},
      {"deadline-passed", [](auto& each) { return each.wake(kLate); }},
  };
}

struct NameOf {
  std::string operator()(const CheckUpdates& /*action*/) const { return "check"; }
  std::string operator()(const CreateTunnel& /*action*/) const { return "create"; }
  std::string operator()(const FetchTunnel& /*action*/) const { return "fetch"; }
  std::string operator()(const DeleteTunnel& action) const {
    return action.wait == DeleteTunnel::Wait::ForJobs ? "delete-wait" : "delete";
  }
  std::string operator()(const StartConnections& /*action*/) const { return "dial"; }
  std::string operator()(const DrainConnections& /*action*/) const { return "drain"; }
  std::string operator()(const CloseConnections& /*action*/) const { return "close"; }
  std::string operator()(const AnnounceReady& /*action*/) const { return "announce"; }
  std::string operator()(const Say& /*action*/) const { return ""; }
  std::string operator()(const Finish& action) const {
    return "finish:" + std::string(to_text(action.cause.exit_class));
  }
};

std::string cell(const Start& start, const Event& event) {
  TunnelLifecycle lifecycle = start();
  const LifecycleState before = lifecycle.state();
  const LifecycleActions actions = event(lifecycle);
  std::string names;
  for (const LifecycleAction& action : actions) {
    const std::string name = std::visit(NameOf{}, action);
    names += name.empty() ? "" : (names.empty() ? " / " : "+") + name;
  }
  const bool same = lifecycle.state() == before;
  return (same ? "." : std::string(to_text(lifecycle.state()))) + names;
}

std::string table() {
  std::string text =
      "# States of one tunnel\n"
      "\n"
      "Printed by tunnel_table_test from the code. A cell is the next state and, behind the "
      "slash,\n"
      "what is done; `.` stays. A call that failed is made again after a backoff.\n"
      "\n"
      "| event |";
  std::string rule = "\n|---|";
  for (const auto& [name, start] : states()) {
    text += " " + name + " |";
    rule += "---|";
  }
  text += rule + "\n";
  for (const auto& [event_name, event] : events()) {
    text += "| " + event_name + " |";
    for (const auto& [name, start] : states()) {
      text += " " + cell(start, event) + " |";
    }
    text += "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("each state begins where its name says") {
  for (const auto& [name, start] : states()) {
    CHECK(to_text(start().state()) == name);
  }
}

TEST_CASE("the table of states is the one in the documents") {
  const std::string path = SCPOOL_SOURCE_DIR "/docs/state-machines/tunnel_lifecycle.md";
  const std::string printed = table();
  if (std::getenv("SCPOOL_WRITE_TABLES") != nullptr) {
    std::ofstream(path) << printed;
  }
  std::ifstream file(path);
  const std::string written{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  CHECK_MESSAGE(written == printed, "set SCPOOL_WRITE_TABLES=1 to write the table anew");
}

}  // namespace scpool::worker
