#include "supervisor/upgrade.hpp"

#include <unistd.h>

#include <utility>

#include "common/base/text.hpp"
#include "supervisor/core/takeover_plan.hpp"
#include "supervisor/io/files.hpp"
#include "supervisor/io/program_exchange.hpp"
#include "supervisor/io/program_search.hpp"

namespace scpool::supervisor {
namespace {

using namespace std::chrono_literals;

// Clients that are being answered get this long; then their connections break.
constexpr Duration kPatience = 250ms;
constexpr Duration kLookPeriod = 5ms;

}  // namespace

Upgrade::Upgrade(EventLoop& loop, Host host) : loop_(loop), host_(std::move(host)), timer_(loop) {}

std::string Upgrade::file(const char* suffix) const {
  return host_.directory + "/" + host_.pool + suffix;
}

void Upgrade::remove_leftovers() const {
  for (const char* suffix : {".upgrade", ".upgrade-answer"}) {
    unlink(file(suffix).c_str());
  }
}

Result<void> Upgrade::begin(const UpgradeOrder& order) {
  if (!report_.is_over()) {
    return Error(ErrorKind::Invalid, "an upgrade is under way already");
  }
  if (const auto why = host_.obstacle()) {
    return Error(ErrorKind::Invalid, *why);
  }
  order_ = order;
  if (order_.program.empty()) {
    order_.program = own_program();
  }
  const std::uint64_t attempt = report_.attempt + 1;
  report_ = {};
  report_.state = UpgradeState::Checking;
  report_.attempt = attempt;
  report_.from = build_text();
  const Handover handover = host_.describe();
  plan_ = host_.plan(handover);
  const std::string path = file(".upgrade");
  if (const auto written = write_handover(path, handover); !written) {
    refuse(written.error().sentence());
    return {};
  }
  std::vector<std::string> words = own_words();
  words.erase(words.begin());
  auto check = UpgradeCheck::begin(
      loop_,
      {order_.program, std::move(words), path, file(".upgrade-answer"), order_.confirm_within},
      [this](const Result<UpgradeAnswer>& answer) { take_answer(answer); });
  if (!check) {
    refuse(check.error().sentence());
    return {};
  }
  check_ = std::move(check).value();
  return {};
}

void Upgrade::take_answer(const Result<UpgradeAnswer>& answer) {
  loop_.retire(std::move(check_));
  if (!answer) {
    refuse(answer.error().sentence());
    return;
  }
  report_.to = answer.value().build;
  if (const std::string why = disagreement(plan_, answer.value().plan); !why.empty()) {
    refuse(report_.to + " would not go on in the same way: " + why);
    return;
  }
  if (const auto why = host_.obstacle()) {
    refuse(*why);
    return;
  }
  report_.state = UpgradeState::HandingOver;
  patience_ends_ = loop_.now() + kPatience;
  host_.pause();
  wait_until_quiet();
}

void Upgrade::wait_until_quiet() {
  if (host_.quiet() || loop_.now() >= patience_ends_) {
    exchange();
    return;
  }
  timer_.start(kLookPeriod, [this] { wait_until_quiet(); });
}

void Upgrade::exchange() {
  Handover handover = host_.describe();
  ExchangePlan plan;
  plan.program = order_.program;
  plan.words = own_words();
  plan.environment = own_environment();
  const std::vector<std::string> more = host_.part();
  plan.environment.insert(plan.environment.end(), more.begin(), more.end());
  plan.handover_file = file(".upgrade");
  for (const int descriptor : {handover.lock, handover.control, handover.api}) {
    if (descriptor >= 0) {
      plan.inherited.push_back(descriptor);
    }
  }
  plan.limit = order_.confirm_within;
  plan.guard_takes_over = more.empty();
  auto prepared = ProgramExchange::prepare(std::move(plan));
  if (!prepared) {
    host_.resume();
    refuse(prepared.error().sentence());
    return;
  }
  ProgramExchange& exchange = prepared.value();
  handover.guard_pid = exchange.guard_pid();
  handover.report = report_;
  if (const auto written = write_handover(file(".upgrade"), handover); !written) {
    exchange.call_off();
    host_.resume();
    refuse(written.error().sentence());
    return;
  }
  const Error why = exchange.execute();
  host_.resume();
  refuse(why.sentence());
}

void Upgrade::refuse(const std::string& why) {
  unlink(file(".upgrade").c_str());
  report_.state = UpgradeState::Refused;
  report_.why = why;
  host_.on_over(report_);
}

void Upgrade::confirm(const Handover& handover, const std::string& why_back) {
  report_ = handover.report;
  report_.state = why_back.empty() ? UpgradeState::Done : UpgradeState::FellBack;
  report_.why = why_back;
  report_.unwatched = loop_.now() - handover.now;
  report_.workers_kept = handover.state.processes.size();
  if (why_back.empty()) {
    report_.to = build_text();
  }
  confirm_exchange();
  unlink(file(".upgrade").c_str());
  const auto guard = read_process_facts(handover.guard_pid);
  if (guard.has_value() && guard->parent == getpid()) {
    auto child = ChildProcess::adopt(
        loop_, {handover.guard_pid, guard->start_time}, [this](const ProcessExit&) {
          loop_.retire(std::move(guard_));
        });
    if (child) {
      guard_ = std::move(child).value();
    }
  }
  host_.on_over(report_);
}

}  // namespace scpool::supervisor
