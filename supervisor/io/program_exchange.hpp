// One program of this process makes room for another (exec): pid, children and chosen descriptors
// stay. Until the new one has confirmed, there is a way back to the old: the new one gives it back,
// crashes or is late (signals and an alarm lead back, in the same process), or it is no sc-pool at
// all, and a guard, a child of the old program, ends it and goes on in its place. Not in the
// layout's list: everything here is about one call of exec.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/base/time.hpp"
#include "common/io/open_descriptor.hpp"

namespace scpool::supervisor {

struct ExchangePlan {
  std::string program;                   // path
  std::vector<std::string> words;        // of its command line, the first included
  std::vector<std::string> environment;  // "NAME=value"
  std::string handover_file;
  std::vector<int> inherited;  // descriptors that stay open
  Duration limit{};            // to confirm
  // False: somebody else (a service manager) starts a new supervisor when this process ends.
  bool guard_takes_over = true;
};

// In the program that goes.
class ProgramExchange {
 public:
  // Starts the guard, which waits. The error leaves nothing.
  static Result<ProgramExchange> prepare(ExchangePlan plan);
  int guard_pid() const { return guard_pid_; }
  // Returns only when the new program cannot be executed; all is then as before.
  Error execute();
  // The exchange does not take place: the guard goes.
  void call_off();

 private:
  explicit ProgramExchange(ExchangePlan plan) : plan_(std::move(plan)) {}
  std::string note() const;

  ExchangePlan plan_;
  OpenDescriptor old_program_;
  OpenDescriptor confirmation_;
  int guard_pid_ = 0;
};

// In the program that comes. To be called first in main(): when this process was another program
// before, signals are held back and every way out leads back to that one.
void accept_exchange();
struct Exchanged {
  std::string handover_file;
  std::string why_back;  // not empty: we are the old program again
};
// Nothing: this process was started in the ordinary way, or it has confirmed.
std::optional<Exchanged> exchanged();
// All is well: the way back is closed.
void confirm_exchange();
// Back to the old program, if it may still be gone back to; else returns.
void give_back(const std::string& why);
// Signals were held back so that none is lost; to be called when there are actions for them.
void release_signals();

// Words and environment of this process, as exec takes them.
std::vector<std::string> own_words();
std::vector<std::string> own_environment();

}  // namespace scpool::supervisor
