// The memory of streams that are gone serves the next ones. A file of its own beside session_state.
#include <utility>

#include "common/h2/session_state.hpp"

namespace scpool::h2 {
namespace {

constexpr std::size_t kMostSpares = 64;

thread_local std::vector<std::unique_ptr<StreamState>> spare_states;

}  // namespace

std::unique_ptr<StreamState> StreamState::take(std::uint32_t window) {
  if (spare_states.empty()) {
    return std::make_unique<StreamState>(window);
  }
  std::unique_ptr<StreamState> state = std::move(spare_states.back());
  spare_states.pop_back();
  ByteQueue memory = std::move(state->unsent);
  std::destroy_at(state.get());
  std::construct_at(state.get(), window)->unsent = std::move(memory);
  return state;
}

void StreamState::keep(std::unique_ptr<StreamState> state) {
#ifndef __SANITIZE_ADDRESS__  // there, use of a stream that is gone is to be found
  if (spare_states.size() < kMostSpares) {
    state->head = Fields();
    state->trailers.reset();
    state->unsent.clear();
    spare_states.push_back(std::move(state));
  }
#else
  state.reset();
#endif
}

}  // namespace scpool::h2
