#include "supervisor/core/worker_lifecycle.hpp"

namespace scpool::supervisor {
namespace {

using Command = WorkerCommand;
using Input = WorkerInput;
using State = WorkerState;

// No job can use it yet, so that "drain" is "stop".
LifecycleStep from_starting(Input input) {
  switch (input) {
    case Input::Spawned:
    case Input::BecameUnready:
      return {State::Starting};
    case Input::SpawnFailed:
    case Input::Exited:
      return {State::Exited};
    case Input::BecameReady:
      return {State::Ready};
    case Input::DrainWanted:
    case Input::StopWanted:
    case Input::DeadlinePassed:
      return {State::Stopping, Command::Drain};
    case Input::KillWanted:
      return {State::Stopping, Command::Kill};
  }
  return {State::Starting};
}

// Ready and Unhealthy differ only in what may come back.
LifecycleStep from_serving(State state, Input input) {
  switch (input) {
    case Input::Spawned:
    case Input::SpawnFailed:
    case Input::DeadlinePassed:
      return {state};
    case Input::Exited:
      return {State::Exited};
    case Input::BecameReady:
      return {State::Ready};
    case Input::BecameUnready:
      return {State::Unhealthy};
    case Input::DrainWanted:
      return {State::Draining, Command::Drain};
    case Input::StopWanted:
      return {State::Stopping, Command::DrainAndStop};
    case Input::KillWanted:
      return {State::Stopping, Command::Kill};
  }
  return {state};
}

LifecycleStep from_draining(Input input) {
  switch (input) {
    case Input::Spawned:
    case Input::SpawnFailed:
    case Input::BecameReady:
    case Input::BecameUnready:
    case Input::DrainWanted:
      return {State::Draining};
    case Input::Exited:
      return {State::Exited};
    case Input::StopWanted:
    case Input::DeadlinePassed:
      return {State::Stopping, Command::Stop};
    case Input::KillWanted:
      return {State::Stopping, Command::Kill};
  }
  return {State::Draining};
}

LifecycleStep from_stopping(Input input) {
  switch (input) {
    case Input::Spawned:
    case Input::BecameReady:
    case Input::BecameUnready:
    case Input::DrainWanted:
    case Input::StopWanted:
      return {State::Stopping};
    case Input::SpawnFailed:
    case Input::Exited:
      return {State::Exited};
    case Input::KillWanted:
    case Input::DeadlinePassed:
      return {State::Stopping, Command::Kill};
  }
  return {State::Stopping};
}

}  // namespace

LifecycleStep advance(WorkerState state, WorkerInput input) {
  switch (state) {
    case State::Starting:
      return from_starting(input);
    case State::Ready:
    case State::Unhealthy:
      return from_serving(state, input);
    case State::Draining:
      return from_draining(input);
    case State::Stopping:
      return from_stopping(input);
    case State::Exited:
      return {State::Exited};
  }
  return {state};
}

std::string_view to_text(WorkerInput input) {
  switch (input) {
    case Input::Spawned:
      return "spawned";
    case Input::SpawnFailed:
      return "spawn-failed";
    case Input::Exited:
      return "exited";
    case Input::BecameReady:
      return "became-ready";
    case Input::BecameUnready:
      return "became-unready";
    case Input::DrainWanted:
      return "drain-wanted";
    case Input::StopWanted:
      return "stop-wanted";
    case Input::KillWanted:
      return "kill-wanted";
    case Input::DeadlinePassed:
      return "deadline-passed";
  }
  return "?";
}

std::string_view to_text(WorkerCommand command) {
  switch (command) {
    case Command::None:
      return "";
    case Command::Drain:
      return "drain";
    case Command::Stop:
      return "stop";
    case Command::DrainAndStop:
      return "drain+stop";
    case Command::Kill:
      return "kill";
  }
  return "?";
}

}  // namespace scpool::supervisor
