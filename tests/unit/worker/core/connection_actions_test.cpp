#include "worker/core/connection_actions.hpp"

#include <doctest/doctest.h>

#include <set>

namespace scpool::worker {

TEST_CASE("every reason, state and end has a word of its own") {
  std::set<std::string_view> words;
  for (const DialReason reason : {DialReason::Start,
                                  DialReason::Lost,
                                  DialReason::Retry,
                                  DialReason::Suspect,
                                  DialReason::ServerDrains,
                                  DialReason::Cut}) {
    words.insert(to_text(reason));
  }
  CHECK(words.size() == 6);
  words.clear();
  for (const ConnectionState state : {ConnectionState::Idle,
                                      ConnectionState::Waiting,
                                      ConnectionState::Dialling,
                                      ConnectionState::Ready,
                                      ConnectionState::Suspect,
                                      ConnectionState::Suspended}) {
    words.insert(to_text(state));
  }
  CHECK(words.size() == 6);
  words.clear();
  for (const GiveUp::Why why : {GiveUp::Why::Unknown,
                                GiveUp::Why::Deleted,
                                GiveUp::Why::Denied,
                                GiveUp::Why::WrongVersion}) {
    words.insert(to_text(why));
  }
  CHECK(words.size() == 4);
  CHECK_FALSE(words.contains(""));
}

}  // namespace scpool::worker
