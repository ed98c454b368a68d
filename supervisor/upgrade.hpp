// `sc-pool upgrade` inside the supervisor: asks the new program, compares plans, pauses the
// sockets, hands over and executes it; and on the other side confirms what was taken over. What the
// pool is and owns it learns from its host, the session. Decides nothing about workers.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/io/child_process.hpp"
#include "common/io/timer.hpp"
#include "supervisor/io/handover.hpp"
#include "supervisor/io/upgrade_check.hpp"

namespace scpool::supervisor {

class Upgrade {
 public:
  struct Host {
    std::string directory;  // for files that live for a moment
    std::string pool;
    // Why now is no time for it; nothing: it may begin.
    std::function<std::optional<std::string>()> obstacle;
    // The pool as it is now, with the descriptors to be handed over.
    std::function<Handover()> describe;
    std::function<std::vector<std::string>(const Handover&)> plan;
    // New clients wait, present ones are answered; and the way back.
    std::function<void()> pause;
    std::function<bool()> quiet;
    std::function<void()> resume;
    // The last thing before the exchange; the service manager's variables, as "NAME=value".
    std::function<std::vector<std::string>()> part;
    std::function<void(const UpgradeReport&)> on_over;
  };

  Upgrade(EventLoop& loop, Host host);

  // What an earlier supervisor left that was killed in the middle of one.
  void remove_leftovers() const;
  // Invalid: not now, and why.
  Result<void> begin(const UpgradeOrder& order);
  const UpgradeReport& report() const { return report_; }

  // In the program that comes, when everything is taken over. `why_back` not empty: it is the old
  // one again.
  void confirm(const Handover& handover, const std::string& why_back);

 private:
  void take_answer(const Result<UpgradeAnswer>& answer);
  void wait_until_quiet();
  void exchange();
  void refuse(const std::string& why);
  std::string file(const char* suffix) const;

  EventLoop& loop_;
  Host host_;
  UpgradeReport report_;
  UpgradeOrder order_;
  std::vector<std::string> plan_;
  std::unique_ptr<UpgradeCheck> check_;
  std::unique_ptr<ChildProcess> guard_;
  Instant patience_ends_{};
  Timer timer_;
};

}  // namespace scpool::supervisor
