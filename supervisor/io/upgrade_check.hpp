// Asks another program whether it can take the pool over: started as `PROGRAM upgrade-check FILE
// up ...` while we go on serving, it reads the state, says who it is and what it would do first. It
// starts and changes nothing. Not in the layout's list: a program that hangs or is none at all must
// be found out before it has our place.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/io/child_process.hpp"
#include "common/io/timer.hpp"

namespace scpool::supervisor {

struct UpgradeAnswer {
  std::string build;              // "0.1.0 (25feba97)"
  std::vector<std::string> plan;  // of takeover_plan
};
std::string upgrade_answer_json(const UpgradeAnswer& answer);  // one line

class UpgradeCheck {
 public:
  struct Question {
    std::string program;
    std::vector<std::string> words;  // of our own command line, without the program
    std::string handover_file;
    std::string answer_file;  // made, read and removed
    Duration limit{};
  };
  using OnAnswer = std::function<void(Result<UpgradeAnswer>)>;

  // The error says why it could not even be started. The answer comes in a later turn, once.
  static Result<std::unique_ptr<UpgradeCheck>> begin(EventLoop& loop,
                                                     Question question,
                                                     OnAnswer on_answer);
  // For begin() alone.
  UpgradeCheck(EventLoop& loop, Question question, OnAnswer on_answer);
  UpgradeCheck(const UpgradeCheck&) = delete;
  UpgradeCheck& operator=(const UpgradeCheck&) = delete;
  ~UpgradeCheck();

 private:
  void take_answer(const ProcessExit& exit);

  Question question_;
  OnAnswer on_answer_;
  bool late_ = false;
  Timer deadline_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace scpool::supervisor
