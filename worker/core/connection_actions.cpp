#include "worker/core/connection_actions.hpp"

namespace scpool::worker {

std::string_view to_text(DialReason reason) {
  switch (reason) {
    case DialReason::Start:
      return "start";
    case DialReason::Lost:
      return "lost";
    case DialReason::Retry:
      return "retry";
    case DialReason::Suspect:
      return "suspect";
    case DialReason::ServerDrains:
      return "server_drains";
    case DialReason::Cut:
      return "cut";
  }
  return "unknown";
}

std::string_view to_text(ConnectionState state) {
  switch (state) {
    case ConnectionState::Idle:
      return "idle";
    case ConnectionState::Waiting:
      return "waiting";
    case ConnectionState::Dialling:
      return "dialling";
    case ConnectionState::Ready:
      return "ready";
    case ConnectionState::Suspect:
      return "suspect";
    case ConnectionState::Suspended:
      return "suspended";
    case ConnectionState::Draining:
      return "draining";
  }
  return "unknown";
}

std::string_view to_text(GiveUp::Why why) {
  switch (why) {
    case GiveUp::Why::Unknown:
      return "unknown";
    case GiveUp::Why::Deleted:
      return "deleted";
    case GiveUp::Why::Denied:
      return "denied";
    case GiveUp::Why::WrongVersion:
      return "wrong_version";
  }
  return "unknown";
}

}  // namespace scpool::worker
