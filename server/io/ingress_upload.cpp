#include "server/io/ingress_upload.hpp"

#include <algorithm>
#include <utility>

#include "common/http/field_rules.hpp"

namespace scpool::server {

namespace {

constexpr std::size_t kMaxKept = 64 * 1024;  // notes section 5

}  // namespace

std::size_t IngressUpload::receive(ByteView bytes, Target target) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !ended_ && !refused() &&
         target.link.unsent(target.stream) < limits::kStreamSendBuffer) {
    // In runs, so that the stream's buffer exceeds its mark by one of them at most.
    const ByteView run = bytes.subspan(taken, std::min(bytes.size() - taken, limits::kIoReadSize));
    const BodyReader::Step step = reader_.receive(run);
    taken += step.consumed;
    if (!step.body.empty()) {
      send(step.body, target);
    }
    if (reader_.state() == BodyReader::State::Done) {
      ended_ = true;
      end(target);
    }
  }
  return taken;
}

void IngressUpload::send(ByteView bytes, Target target) {
  started_ = true;
  kept_all_ = kept_all_ && replayable_kind_ && kept_.size() + bytes.size() <= kMaxKept;
  if (kept_all_) {
    kept_.insert(kept_.end(), bytes.begin(), bytes.end());
  } else {
    forget_kept();
  }
  target.link.send(target.stream, bytes, false);
}

void IngressUpload::end(Target target) {
  const Fields trailers = to_h2_trailers(reader_.trailers());
  if (trailers.empty()) {
    target.link.send(target.stream, {}, true);
  } else {
    target.link.send_trailers(target.stream, trailers);
  }
}

void IngressUpload::end_raw(Target target) {
  ended_ = true;
  target.link.send(target.stream, {}, true);
}

void IngressUpload::replay(Target target) {
  if (!kept_.empty()) {
    target.link.send(target.stream, kept_, false);
  }
  if (ended_) {
    end(target);
  }
}

}  // namespace scpool::server
