// Asks, for the orphan watch, whether somebody listens on the supervisor's control socket. Only the
// connect counts: nothing is said. One question at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/io/stream.hpp"
#include "common/io/timer.hpp"
#include "worker/core/orphan_watch.hpp"

namespace scpool::worker {

class SupervisorProbe final : private StreamListener {
 public:
  SupervisorProbe(EventLoop& loop, std::string path)
      : loop_(loop), path_(std::move(path)), limit_(loop) {}

  SupervisorProbe(const SupervisorProbe&) = delete;
  SupervisorProbe& operator=(const SupervisorProbe&) = delete;
  virtual ~SupervisorProbe() = default;

  // The answer comes in a later turn.
  void ask(std::function<void(ProbeResult)> on_answer);

 private:
  void finish(ProbeResult result);
  void on_open() override { finish(ProbeResult::Answered); }
  void on_bytes(ByteView /*bytes*/) override {}
  void on_end() override {}
  void on_failed(const Error& /*error*/) override { finish(ProbeResult::NobodyThere); }

  EventLoop& loop_;
  std::string path_;
  Timer limit_;
  std::unique_ptr<Stream> stream_;
  std::function<void(ProbeResult)> on_answer_;
};

}  // namespace scpool::worker
