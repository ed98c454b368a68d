// The request's way up: the browser's body bytes into the stream, framing taken off, bounded by the
// stream's buffer; what was sent is kept while it is small, for a second attempt. (Not in the first
// layout: the exchange's other half.)
#pragma once

#include "common/http/body_framing.hpp"
#include "common/io/tunnel_link.hpp"
#include "server/io/ingress_request.hpp"

namespace scpool::server {

class IngressUpload {
 public:
  explicit IngressUpload(const IngressRequest& request)
      : replayable_kind_(request.kind == IngressKind::Exchange),
        reader_(request.body),
        ended_(request.body.kind == BodyKind::None) {}

  struct Target {
    TunnelLink& link;
    StreamId stream;
  };

  // Takes what the stream has room for; says how many bytes of the input that were.
  std::size_t receive(ByteView bytes, Target target);
  // How many of the next bytes go up whatever they are; none as long as they are kept.
  std::uint64_t plain_bytes() const { return started_ && !kept_all_ ? reader_.plain_bytes() : 0; }
  // So many went up by the stream's turns.
  void skip(std::size_t count) { reader_.skip(count); }
  // The raw way: the browser sends nothing more.
  void end_raw(Target target);
  // Everything that an earlier attempt has sent.
  void replay(Target target);
  void forget_kept() { kept_ = Bytes(); }

  bool ended() const { return ended_; }
  bool refused() const { return reader_.state() == BodyReader::State::Refused; }
  const HeadProblem& problem() const { return reader_.problem(); }
  // Nothing will ever be sent: the request's head is all of it.
  bool nothing_to_send() const {
    return ended_ && kept_.empty() && !started_ && reader_.trailers().empty();
  }
  bool started() const { return started_; }
  bool replayable() const { return kept_all_; }

 private:
  void send(ByteView bytes, Target target);
  void end(Target target);

  bool replayable_kind_;
  BodyReader reader_;
  Bytes kept_;
  bool kept_all_ = true;
  bool started_ = false;  // any body byte came
  bool ended_;
};

}  // namespace scpool::server
