// One browser request, first byte to last: finds its tunnel and connection, passes the body up and
// the answer down with backpressure both ways, retries what may be retried, and says honestly what
// went wrong. Owned by its browser connection, which it tells when it is over.
#pragma once

#include <optional>
#include <string>

#include "common/base/spared.hpp"
#include "common/io/timer.hpp"
#include "server/core/retry_policy.hpp"
#include "server/io/browser_answer.hpp"
#include "server/io/ingress_job.hpp"
#include "server/io/ingress_upload.hpp"
#include "server/io/server_parts.hpp"

namespace scpool::server {

enum class ExchangeEnd {
  KeepAlive,  // the next request may come
  Close,      // the answer is complete; the connection ends behind it
  Cut,        // the answer is not complete, and the browser must notice
};

class ExchangeListener {
 public:
  ExchangeListener() = default;
  ExchangeListener(const ExchangeListener&) = delete;
  ExchangeListener& operator=(const ExchangeListener&) = delete;
  virtual void on_exchange_wants_bytes() = 0;  // receive() would take some again
  virtual void on_exchange_over(ExchangeEnd end) = 0;

 protected:
  ~ExchangeListener() = default;
};

class IngressExchange final : public Spared<IngressExchange>,
                              private TunnelStreamListener,
                              private ConnectionWaiter {
 public:
  // `request`, of the browser connection, outlives this until it has said that it is over.
  IngressExchange(ServerParts& parts,
                  IngressJob& job,
                  Stream& browser,
                  IngressRequest& request,
                  const std::string& client,
                  ExchangeListener& listener);
  ~IngressExchange();

  void start();
  // Bytes from the browser behind the head; says how many it took.
  std::size_t receive(ByteView bytes);
  // After what one read brought has been taken: a large body goes up by the stream's turns.
  void note_read(std::size_t size);
  // There is more of it.
  void offer();
  // The browser's FIN.
  void receive_end();
  // The browser's queue has room again.
  void browser_drained();
  bool took_whole_request() const { return upload_.ended(); }

 private:
  enum class Phase { Waiting, Sent, Answering, Over };

  void on_head(Fields head) override;
  void on_body(std::span<const ByteView> parts) override;
  void on_trailers(Fields trailers) override;
  void on_end() override;
  void on_send_space() override;
  std::size_t on_turn(Room room) override;
  void on_stream_closed(H2Code code) override;
  void on_connection_free() override;

  void attempt();
  void open_on(TunnelConnection& connection);
  void wait_for_connection(const Error& why);
  void attempt_failed(FailurePoint point);
  void upload_refused();
  IngressUpload::Target target() { return {connection_->link(), *stream_}; }
  void answer_head(ResponseHead&& head);
  void pass_on_answer();
  void turn_ended();
  void watch_half_close();
  void fail(ProxyErrorReason reason, std::string details);
  void release_credit();
  void leave_stream(H2Code code);
  void finish(ExchangeEnd end);
  void log_request(Duration took) const;

  ServerParts& parts_;
  IngressJob& job_;
  Stream& browser_;
  IngressRequest& request_;
  const std::string& client_;
  ExchangeListener& listener_;
  BrowserAnswer answer_;
  IngressUpload upload_;
  Timer timer_;
  Phase phase_ = Phase::Waiting;
  Instant started_;
  std::string destination_;  // for the log, when that is wanted
  TunnelId tunnel_;
  TunnelConnection* connection_ = nullptr;       // while stream_ is open
  const TunnelConnection* failed_on_ = nullptr;  // only compared
  std::optional<StreamId> stream_;
  std::optional<TunnelId> mate_;  // for this request only
  std::uint32_t retries_ = 0;
  std::string retry_reason_;
  bool response_ended_ = false;
  bool browser_ended_ = false;
  std::size_t held_ = 0;  // written to the browser, credit not yet given back
  Fields response_trailers_;
};

}  // namespace scpool::server
