// The part of UpSession that lets another program of this process go on, and goes on for one.
#include <fcntl.h>

#include <utility>

#include "common/base/text.hpp"
#include "supervisor/io/program_exchange.hpp"
#include "supervisor/takeover.hpp"
#include "supervisor/up_session.hpp"

namespace scpool::supervisor {

Upgrade::Host UpSession::upgrade_host() {
  Upgrade::Host host;
  host.directory = directories_.runtime;
  host.pool = loaded_.config.name;
  host.obstacle = [this] { return obstacle_to_upgrade(); };
  host.describe = [this] { return describe(); };
  host.plan = [this](const Handover& handover) {
    return first_steps(handover, supervisor_->config());
  };
  host.pause = [this] {
    control_->pause();
    if (api_ != nullptr) {
      api_->pause();
    }
  };
  host.quiet = [this] { return control_->quiet() && (api_ == nullptr || api_->quiet()); };
  host.resume = [this] { resume_after_upgrade(); };
  host.part = [this] {
    notify_.reloading(loop_.now());
    notify_.alive();
    return notify_.environment();
  };
  host.on_over = [this](const UpgradeReport& report) { note_upgrade(report); };
  return host;
}

std::optional<std::string> UpSession::obstacle_to_upgrade() const {
  if (going_down_) {
    return "the pool is going down";
  }
  if (!was_ready_) {
    return "the pool has not been ready yet; wait for it with 'sc-pool wait'";
  }
  if (grid_ != nullptr && !grid_->serving()) {
    return "the embedded server is being started again; try in a moment";
  }
  return std::nullopt;
}

Handover UpSession::describe() const {
  Handover handover;
  supervisor_->describe(handover);
  handover.report = upgrade_.report();
  handover.fingerprint = fingerprint_;
  handover.told_ready = told_ready_;
  handover.lock = lock_->descriptor();
  handover.control = control_->descriptor();
  handover.api = api_ == nullptr ? -1 : api_->descriptor();
  if (grid_ != nullptr) {
    const ProcessIdentity server = grid_->identity();
    handover.server_pid = server.pid;
    handover.server_start_time = server.start_time;
  }
  return handover;
}

void UpSession::resume_after_upgrade() {
  control_->resume();
  if (api_ != nullptr) {
    api_->resume();
  }
  if (told_ready_) {
    notify_.ready();
  }
}

// Only now is there no way back.
void UpSession::confirm_takeover() {
  if (told_ready_) {
    notify_.ready();
  }
  upgrade_.confirm(*inherited_, why_back_);
  inherited_.reset();
  note_change();
}

void UpSession::note_upgrade(const UpgradeReport& report) {
  supervisor_->note_upgrade(report);
  screen_.upgraded(report.sentence());
}

Result<void> UpSession::take_over() {
  const auto exchange = exchanged();
  if (!exchange) {
    return {};
  }
  auto handover = read_handover(exchange->handover_file);
  if (!handover) {
    return handover.error();
  }
  inherited_ = std::move(handover).value();
  why_back_ = exchange->why_back;
  was_ready_ = true;
  told_ready_ = inherited_->told_ready;
  screen_.resume();
  return {};
}

// The key of --local is nobody's to change.
void UpSession::remember_config(const RestAccount& account) {
  fingerprint_ = config_fingerprint(
      invocation_, loaded_.file, loaded_.mode == PoolMode::Local ? Secret{} : account.access_key);
}

Result<PoolLock> UpSession::take_lock() {
  const std::string path = directories_.state + "/supervisor.pid";
  return inherited_ ? PoolLock::adopt(path, inherited_->lock) : PoolLock::take(path);
}

}  // namespace scpool::supervisor
