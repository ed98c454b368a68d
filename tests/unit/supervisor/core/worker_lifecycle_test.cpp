#include "supervisor/core/worker_lifecycle.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace scpool::supervisor {
namespace {

constexpr int kStates = static_cast<int>(WorkerState::Exited) + 1;
constexpr int kInputs = static_cast<int>(WorkerInput::DeadlinePassed) + 1;

std::string printed_table() {
  std::string text =
      "# States of one worker\n\nPrinted by worker_lifecycle_test from the code. A cell is the "
      "next "
      "state and,\nbehind the arrow's slash, the signal that goes with it; `.` means nothing "
      "happens.\n\n| input |";
  std::string rule = "|---|";
  for (int state = 0; state < kStates; ++state) {
    text += " " + std::string(to_text(static_cast<WorkerState>(state))) + " |";
    rule += "---|";
  }
  text += "\n" + rule + "\n";
  for (int input = 0; input < kInputs; ++input) {
    text += "| " + std::string(to_text(static_cast<WorkerInput>(input))) + " |";
    for (int state = 0; state < kStates; ++state) {
      const auto from = static_cast<WorkerState>(state);
      const LifecycleStep step = advance(from, static_cast<WorkerInput>(input));
      std::string cell = step.next == from ? "." : std::string(to_text(step.next));
      if (step.command != WorkerCommand::None) {
        cell += " / " + std::string(to_text(step.command));
      }
      text += " " + cell + " |";
    }
    text += "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("the table of states is the one in the documents") {
  const std::string path = SCPOOL_SOURCE_DIR "/docs/state-machines/worker_lifecycle.md";
  if (std::getenv("SCPOOL_WRITE_TABLES") != nullptr) {
    std::ofstream(path) << printed_table();
  }
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  CHECK_MESSAGE(content.str() == printed_table(),
                "set SCPOOL_WRITE_TABLES=1 to write the table anew");
}

TEST_CASE("every way out leads to exited, and exited is the end") {
  for (int state = 0; state < kStates; ++state) {
    CHECK(advance(static_cast<WorkerState>(state), WorkerInput::Exited).next ==
          WorkerState::Exited);
  }
  for (int input = 0; input < kInputs; ++input) {
    const LifecycleStep step = advance(WorkerState::Exited, static_cast<WorkerInput>(input));
    CHECK(step == LifecycleStep{WorkerState::Exited});
  }
}

TEST_CASE("a worker that leaves never serves again") {
  for (const WorkerState state : {WorkerState::Draining, WorkerState::Stopping}) {
    for (int input = 0; input < kInputs; ++input) {
      CHECK_FALSE(is_active(advance(state, static_cast<WorkerInput>(input)).next));
    }
  }
}

TEST_CASE("deadlines lead to a kill at last") {
  WorkerState state = WorkerState::Starting;
  WorkerCommand command = WorkerCommand::None;
  for (int i = 0; i < 2; ++i) {
    const LifecycleStep step = advance(state, WorkerInput::DeadlinePassed);
    state = step.next;
    command = step.command;
  }
  CHECK(command == WorkerCommand::Kill);
  CHECK(advance(WorkerState::Draining, WorkerInput::DeadlinePassed).command == WorkerCommand::Stop);
}

}  // namespace scpool::supervisor
