// The site's side of an exchange: its head, its body, its end.
#include <algorithm>
#include <utility>

#include "common/base/text.hpp"
#include "worker/core/request_rules.hpp"
#include "worker/io/origin_exchange.hpp"

namespace scpool::worker {
namespace {

using namespace std::chrono_literals;

constexpr Duration kHeadWaits = 5ms;  // for its body, where it does

// A response that ends at its head must not be followed by bytes that its fields speak of: such a
// connection is not used again.
bool has_phantom_body(const ResponseHead& head) {
  if (head.status != 204 && head.status != 304) {
    return false;
  }
  return head.fields.contains("Transfer-Encoding") ||
         (head.status == 204 && head.fields.find("Content-Length").value_or("0") != "0");
}

bool stays_open(const ResponseHead& head) {
  if (head.fields.lists("Connection", "close") || has_phantom_body(head)) {
    return false;
  }
  return head.minor_version == 1 || head.fields.lists("Connection", "keep-alive");
}

std::string_view version_of(const ResponseHead& head) {
  return head.minor_version == 0 ? "1.0" : "1.1";
}

}  // namespace

void OriginExchange::on_site_bytes(ByteView bytes) {
  if (upgraded_) {
    OriginRelay::on_site_bytes(bytes);
    return;
  }
  answered_a_byte_ = true;
  while (!bytes.empty() && !reader_ && !upgraded_ && !finished() && has_site()) {
    bytes = bytes.subspan(take_head_bytes(bytes));
  }
  if (finished()) {
    return;
  }
  if (bytes.empty()) {
    if (!waiting_head_.empty()) {
      start_deadline(kHeadWaits);
    }
  } else if (upgraded_) {
    OriginRelay::on_site_bytes(bytes);
  } else {
    take_body_bytes(bytes);
  }
}

std::size_t OriginExchange::take_head_bytes(ByteView bytes) {
  const std::size_t taken = parser_.receive(bytes);
  if (parser_.state() == HeadParser::State::Refused) {
    protocol_error(parser_.problem().sentence);
    return bytes.size();
  }
  if (parser_.state() == HeadParser::State::Done) {
    take_head(parser_.response());
  }
  return taken;
}

void OriginExchange::take_head(ResponseHead& head) {
  if (head.status == 101) {
    take_upgrade(head);
    return;
  }
  const auto framing = response_body_plan(head, request().head.method);
  if (const auto* problem = std::get_if<HeadProblem>(&framing)) {
    protocol_error(problem->sentence);
    return;
  }
  if (LoggedFields* logged = logged_fields()) {
    logged->response = head.fields;
  }
  const BodyPlan plan = *std::get_if<BodyPlan>(&framing);
  const bool open = stays_open(head) && plan.kind != BodyKind::UntilClose;
  if (const auto problem = remove_hop_by_hop(head.fields)) {
    protocol_error(problem->sentence);
    return;
  }
  head.fields.remove("TE");  // says nothing in a response
  remove_internal_fields(head.fields);
  if (head.status < 200) {
    take_interim(head);
    return;
  }
  if (!websocket_key_.empty() && head.status < 300) {
    protocol_error("it did not switch to WebSocket");  // 2xx would mean that it did (RFC 8441)
    return;
  }
  cancel_deadline();
  may_be_kept_ = open;
  add_via(head.fields, version_of(head), context().settings.pseudonym);
  reader_.emplace(plan);
  const bool end = reader_->state() == BodyReader::State::Done;
  waiting_status_ = head.status;
  waiting_head_ = to_h2_response(std::move(head));
  if (end) {
    respond(std::exchange(waiting_head_, {}), waiting_status_, true);
    finish_response();
  } else if (!head_waits_for_body(plan)) {
    pass_head();
  }
}

void OriginExchange::pass_head() {
  if (!waiting_head_.empty()) {
    cancel_deadline();
    respond(std::exchange(waiting_head_, {}), waiting_status_, false);
  }
}

void OriginExchange::take_interim(ResponseHead& head) {
  if (++interim_count_ > limits::kMaxInterimResponses) {
    protocol_error("too many interim answers");
    return;
  }
  const int status = head.status;
  respond(to_h2_response(std::move(head)), status, false);
  parser_.restart();
}

void OriginExchange::take_upgrade(const ResponseHead& head) {
  const auto accept = head.fields.find("Sec-WebSocket-Accept");
  if (websocket_key_.empty() || !head.fields.lists("Upgrade", "websocket") ||
      !head.fields.lists("Connection", "upgrade") || accept != websocket_accept(websocket_key_)) {
    protocol_error(websocket_key_.empty() ? "it switched protocols without being asked"
                                          : "its WebSocket handshake is not valid");
    return;
  }
  cancel_deadline();
  ResponseHead answer{1, 200, "", head.fields};
  if (const auto problem = remove_hop_by_hop(answer.fields)) {
    protocol_error(problem->sentence);
    return;
  }
  remove_internal_fields(answer.fields);
  answer.fields.remove_if([](const Field& field) {
    return equals_ignoring_case(field.name, "Sec-WebSocket-Accept") ||
           equals_ignoring_case(field.name, "Content-Length") ||
           equals_ignoring_case(field.name, "TE");
  });
  add_via(answer.fields, version_of(head), context().settings.pseudonym);
  upgraded_ = true;
  respond(to_h2_response(std::move(answer)), 200, false);
  switched_protocols();
  begin_relay();
}

void OriginExchange::take_body_bytes(ByteView bytes) {
  const std::size_t size = bytes.size();
  pass_head();
  while (!bytes.empty() && !finished() && reader_->state() == BodyReader::State::NeedMore) {
    const BodyReader::Step step = reader_->receive(bytes);
    bytes = bytes.subspan(step.consumed);
    const bool done = reader_->state() == BodyReader::State::Done;
    const bool end = done && reader_->trailers().empty();
    if (!step.body.empty() || end) {
      pass_to_tunnel(step.body, end);
    }
    if (done && !finished()) {
      if (!end) {
        end_with_trailers(to_h2_trailers(reader_->trailers()));
      }
      may_be_kept_ = may_be_kept_ && bytes.empty();
      finish_response();
      return;
    }
  }
  may_be_kept_ = may_be_kept_ && bytes.empty();  // else there are bytes behind the response
  if (reader_->state() == BodyReader::State::Refused) {
    break_off({ProxyErrorReason::HttpProtocolError,
               ProxyErrorOrigin::Site,
               "the site's body is not valid: " + reader_->problem().sentence},
              H2Code::InternalError);
    return;
  }
  note_read(size);
}

std::uint64_t OriginExchange::plain_bytes() const {
  return upgraded_ ? OriginRelay::plain_bytes() : reader_ ? reader_->plain_bytes() : 0;
}

void OriginExchange::on_plain_bytes(std::size_t count) {
  if (upgraded_) {
    OriginRelay::on_plain_bytes(count);
  } else {
    reader_->skip(count);
  }
}

void OriginExchange::finish_response() {
  response_ended_ = true;
  release_when_done();
}

// Both sides are done with the site. The stream's own end, when everything is sent, finishes this.
void OriginExchange::release_when_done() {
  if (!response_ended_ || !request_ended_ || !has_site()) {
    return;
  }
  if (may_be_kept_ && site().queued() == 0) {
    context().kept.keep(release_site());
  } else {
    drop_site();
  }
}

void OriginExchange::on_site_end() {
  if (upgraded_) {
    OriginRelay::on_site_end();
    return;
  }
  pass_head();
  if (reader_ && !response_ended_) {
    reader_->receive_end();
    if (reader_->state() == BodyReader::State::Done) {
      pass_to_tunnel({}, true);
      may_be_kept_ = false;
      finish_response();
      return;
    }
  }
  site_gone({ErrorKind::Closed, "the site closed the connection"});
}

void OriginExchange::on_site_failed(const Error& error) {
  if (upgraded_) {
    OriginRelay::on_site_failed(error);
    return;
  }
  site_gone(error);
}

void OriginExchange::site_gone(const Error& error) {
  pass_head();
  if (response_ended_) {
    end_early();
    return;
  }
  if (reader_) {
    break_off({ProxyErrorReason::HttpResponseIncomplete,
               ProxyErrorOrigin::Site,
               "the site's answer broke off: " + error.sentence()},
              H2Code::InternalError);
    return;
  }
  if (try_again()) {
    return;
  }
  answer_error({answered_a_byte_ ? ProxyErrorReason::HttpResponseIncomplete
                                 : ProxyErrorReason::ConnectionTerminated,
                ProxyErrorOrigin::Site,
                "the site closed the connection before it answered"});
}

// A kept connection that the site closed before the first byte of its answer, and a request that
// may be sent twice (RFC 9112 section 9.3.1).
bool OriginExchange::try_again() {
  if (!reused_ || answered_a_byte_) {
    return false;
  }
  reused_ = false;
  sent_head_ = false;
  drop_site();
  dial();
  return true;
}

void OriginExchange::protocol_error(const std::string& sentence) {
  answer_error({ProxyErrorReason::HttpProtocolError,
                ProxyErrorOrigin::Site,
                "the site's answer is not valid HTTP: " + sentence});
}

}  // namespace scpool::worker
