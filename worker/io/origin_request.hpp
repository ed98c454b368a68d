// What every request on its way to a site shares: the tunnel stream it came on, the dial, the
// site's connection, both directions' flow control, the error answer, the log record. Bytes of one
// request are bounded by its stream's window towards the site and by limits::kStreamSendBuffer
// towards the tunnel. A file of its own because origin_relay and origin_exchange build on it. Owned
// by the gateway, which is told when it is finished and retires it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "common/http/field_rules.hpp"
#include "common/io/tunnel_link.hpp"
#include "worker/io/origin_context.hpp"
#include "worker/io/origin_dial.hpp"

namespace scpool::worker {

// The place a request stands at: its link and stream.
struct TunnelPlace {
  TunnelLink* link = nullptr;
  StreamId stream;
};

class OriginRequest : public TunnelStreamListener {
 public:
  OriginRequest(OriginContext& context,
                TunnelPlace place,
                TunnelRequest&& request,
                std::string&& id);
  virtual ~OriginRequest();

  virtual void begin() = 0;
  // Answers with an error instead of asking the site; after attach, before begin().
  void refuse(const ProxyError& error) { answer_error(error); }
  // The link is gone: nothing is said to it any more.
  void abandon();
  // The worker is stopping: the stream is reset.
  void stop();
  // Once its deadline has come; until then it is called for nothing.
  void wake(Instant now);
  Instant deadline() const { return deadline_; }

  const TunnelLink* link() const { return place_.link; }
  int status() const { return status_; }
  // For the log; of one that has just finished.
  RequestRecord take_record();
  // Where the gateway keeps it.
  std::size_t slot() const { return slot_; }
  void set_slot(std::size_t slot) { slot_ = slot; }

 protected:
  // From here to there; `site()` is set with on_site_connected and until drop_site().
  virtual void on_site_connected() = 0;
  virtual void on_site_bytes(ByteView bytes) = 0;
  virtual void on_site_end() = 0;
  virtual void on_site_failed(const Error& error) = 0;
  virtual void on_deadline() = 0;

  void on_head(Fields /*head*/) override {}  // the server side's
  void on_send_space() override;
  std::size_t on_turn(Room room) override;
  // How many of the site's next bytes are passed on whatever they are.
  virtual std::uint64_t plain_bytes() const = 0;
  // So many of them were.
  virtual void on_plain_bytes(std::size_t count) = 0;

  OriginContext& context() { return context_; }
  const TunnelRequest& request() const { return request_; }
  TunnelRequest& request() { return request_; }
  // Null when the log wants none.
  LoggedFields* logged_fields() { return logged_fields_.get(); }
  void switched_protocols() { status_ = 101; }
  // One at a time: on_deadline comes once, when `delay` has passed.
  void start_deadline(Duration delay);
  void cancel_deadline() { deadline_ = kNever; }
  bool attached() const { return attached_; }
  bool finished() const { return finished_; }
  bool responded() const { return responded_; }

  void dial();
  std::unique_ptr<SiteConnection> take_kept();
  void use_site(std::unique_ptr<SiteConnection> connection);
  bool has_site() const { return site_ != nullptr; }
  Stream& site() { return site_->stream(); }
  std::unique_ptr<SiteConnection> release_site();
  void drop_site();

  // Writes to the site; `credit` bytes of the tunnel stream are given back as the socket takes
  // them.
  void pass_to_site(std::span<const ByteView> parts, std::size_t credit);
  void give_credit(std::size_t count);  // for bytes that go nowhere
  void respond(const Fields& list, int status, bool end);
  // Reads no more from the site while the stream's send buffer is full.
  void pass_to_tunnel(ByteView bytes, bool end);
  // After what one read of the site brought has been passed on.
  void note_read(std::size_t size);
  void end_with_trailers(const Fields& trailers);

  // 4xx or 5xx with Proxy-Status when nothing was answered yet, else the stream is reset.
  void answer_error(const ProxyError& error);
  void break_off(const ProxyError& error, H2Code code);
  // The answer is complete and the rest of the request is not wanted.
  void end_early();
  void detached() { attached_ = false; }  // the stream is closed
  void finish();

 private:
  // The site's side: both sides have an on_end, so it is an object of its own.
  class SiteEnd final : public StreamListener {
   public:
    explicit SiteEnd(OriginRequest& request) : request_(request) {}
    virtual ~SiteEnd() = default;
    void on_bytes(ByteView bytes) override { request_.on_site_bytes(bytes); }
    void on_readable() override { request_.offer(); }
    void on_end() override { request_.on_site_end(); }
    void on_drained() override { request_.settle_credit(); }
    void on_failed(const Error& error) override { request_.on_site_failed(error); }

   private:
    OriginRequest& request_;
  };

  void settle_credit();
  void offer();

  OriginContext& context_;
  TunnelPlace place_;
  TunnelRequest request_;
  std::string id_;
  std::size_t slot_ = 0;
  Instant started_;
  Instant deadline_ = kNever;
  int status_ = 0;
  std::uint64_t request_bytes_ = 0;
  std::uint64_t response_bytes_ = 0;
  std::optional<ProxyError> error_;
  std::unique_ptr<LoggedFields> logged_fields_;
  bool attached_ = true;
  bool responded_ = false;
  bool finished_ = false;
  std::size_t uncredited_ = 0;  // written to the site, not yet accepted by its socket
  std::unique_ptr<OriginDial> dial_;
  SiteEnd site_end_;
  std::unique_ptr<SiteConnection> site_;
};

}  // namespace scpool::worker
