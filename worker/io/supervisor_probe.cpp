#include "worker/io/supervisor_probe.hpp"

#include <utility>

namespace scpool::worker {

namespace {
// A listener whose queue is full for so long accepts nothing: its process is gone or hangs.
constexpr Duration kAnswerLimit = std::chrono::seconds{5};
}  // namespace

void SupervisorProbe::ask(std::function<void(ProbeResult)> on_answer) {
  on_answer_ = std::move(on_answer);
  stream_ = Stream::connect_unix(loop_, path_);
  stream_->set_listener(this);
  limit_.start(kAnswerLimit, [this] { finish(ProbeResult::NobodyThere); });
}

void SupervisorProbe::finish(ProbeResult result) {
  limit_.cancel();
  stream_.reset();
  if (const auto on_answer = std::exchange(on_answer_, nullptr)) {
    on_answer(result);
  }
}

}  // namespace scpool::worker
