#include "worker/io/origin_request.hpp"

#include <algorithm>

#include "common/io/turn_reading.hpp"
#include "worker/core/request_rules.hpp"
#include "worker/io/http_log.hpp"

namespace scpool::worker {

OriginRequest::OriginRequest(OriginContext& context,
                             TunnelPlace place,
                             TunnelRequest&& request,
                             std::string&& id)
    : context_(context),
      place_(place),
      request_(std::move(request)),
      id_(std::move(id)),
      started_(context.loop.now()),
      site_end_(*this) {
  if (logs_fields(context_.settings.config->log_http.proxy)) {
    logged_fields_ = std::make_unique<LoggedFields>();
  }
  context_.figures.request_started(request_.head.method);
}

OriginRequest::~OriginRequest() = default;

RequestRecord OriginRequest::take_record() {
  return {.request_id = std::move(id_),
          .method = request_.head.method,
          .host = request_.authority.text(),
          .url = request_url(request_),
          .status = status_,
          .duration = context_.loop.now() - started_,
          .request_bytes = request_bytes_,
          .response_bytes = response_bytes_,
          .error = std::move(error_),
          .fields = logged_fields_ != nullptr ? std::move(*logged_fields_) : LoggedFields{}};
}

void OriginRequest::start_deadline(Duration delay) {
  deadline_ = context_.loop.now() + delay;
  context_.owner.on_deadline_set(deadline_);
}

void OriginRequest::wake(Instant now) {
  if (deadline_ <= now) {
    cancel_deadline();
    on_deadline();
  }
}

std::unique_ptr<SiteConnection> OriginRequest::take_kept() {
  return context_.kept.take(request_.authority, request_.scheme == "https");
}

void OriginRequest::dial() {
  const OriginGatewaySettings& settings = context_.settings;
  dial_ = std::make_unique<OriginDial>(
      context_.loop,
      context_.policy,
      context_.figures,
      OriginDialSettings{{request_.authority, request_.scheme == "https"},
                         settings.site_tls,
                         settings.config->http},
      [this](OriginDial::Outcome outcome) {
        if (finished_) {
          return;  // in the same turn; the connection is closed
        }
        context_.loop.retire(std::move(dial_));
        if (auto* connection = std::get_if<std::unique_ptr<SiteConnection>>(&outcome)) {
          use_site(std::move(*connection));
        } else {
          answer_error(*std::get_if<ProxyError>(&outcome));
        }
      });
  OriginDial& dial = *dial_;
  dial.start();
}

void OriginRequest::use_site(std::unique_ptr<SiteConnection> connection) {
  site_ = std::move(connection);
  site_->stream().set_listener(&site_end_);
  site_->stream().resume_reading();
  on_site_connected();
}

std::unique_ptr<SiteConnection> OriginRequest::release_site() {
  site_->stream().set_listener(nullptr);
  return std::move(site_);
}

void OriginRequest::drop_site() {
  if (site_ != nullptr) {
    release_site().reset();  // now, not at the turn's end: the figures may be gone by then
    give_credit(std::exchange(uncredited_, 0));  // what the socket did not take goes nowhere
  }
}

void OriginRequest::pass_to_site(std::span<const ByteView> parts, std::size_t credit) {
  uncredited_ += credit;
  request_bytes_ += credit;
  site().write_parts(parts);
  settle_credit();
}

void OriginRequest::settle_credit() {
  if (site_ == nullptr) {
    return;
  }
  const std::size_t waiting = std::min(uncredited_, site().queued());
  give_credit(uncredited_ - waiting);
  uncredited_ = waiting;
}

void OriginRequest::give_credit(std::size_t count) {
  if (attached_ && count > 0) {
    place_.link->consumed(place_.stream, count);
  }
}

void OriginRequest::respond(const Fields& list, int status, bool end) {
  if (status >= 200) {
    responded_ = true;
    status_ = status;
  }
  if (attached_) {
    place_.link->respond(place_.stream, list, end);
  }
}

void OriginRequest::pass_to_tunnel(ByteView bytes, bool end) {
  response_bytes_ += bytes.size();
  if (!attached_) {
    return;
  }
  place_.link->send(place_.stream, bytes, end);
  if (attached_ && site_ != nullptr &&
      place_.link->unsent(place_.stream) >= limits::kStreamSendBuffer) {
    site().pause_reading();
  }
}

void OriginRequest::note_read(std::size_t size) {
  if (attached_ && site_ != nullptr && begin_turns(site(), size, plain_bytes())) {
    offer();
  }
}

void OriginRequest::offer() {
  if (attached_) {
    place_.link->offer(place_.stream);
  }
}

std::size_t OriginRequest::on_turn(Room room) {
  if (site_ == nullptr) {
    return 0;
  }
  const std::size_t count = take_turn(site(), room, plain_bytes());
  response_bytes_ += count;
  on_plain_bytes(count);
  return count;
}

void OriginRequest::end_with_trailers(const Fields& trailers) {
  if (!attached_) {
    return;
  }
  if (trailers.empty()) {
    place_.link->send(place_.stream, {}, true);
  } else {
    place_.link->send_trailers(place_.stream, trailers);
  }
}

void OriginRequest::on_send_space() {
  if (site_ != nullptr) {
    site().resume_reading();
  }
}

void OriginRequest::answer_error(const ProxyError& error) {
  if (finished_) {
    return;
  }
  if (responded_) {
    break_off(error, H2Code::InternalError);
    return;
  }
  error_ = error;
  context_.figures.proxy_error(error.reason);
  const ErrorAnswer answer = error_answer(
      context_.settings.pseudonym, error, request_.head.fields.find("Accept").value_or(""));
  const bool has_body = request_.head.method != "HEAD";
  respond(to_h2_response(answer.head), answer.head.status, !has_body);
  if (has_body) {
    pass_to_tunnel(as_bytes(answer.body), true);
  }
  end_early();
}

void OriginRequest::break_off(const ProxyError& error, H2Code code) {
  if (finished_) {
    return;
  }
  error_ = error;
  context_.figures.proxy_error(error.reason);
  if (std::exchange(attached_, false)) {
    place_.link->reset(place_.stream, code);
    place_.link->forget(place_.stream);
  }
  finish();
}

// Takes effect when the end is sent (RFC 9113 section 8.1).
void OriginRequest::end_early() {
  if (attached_) {
    place_.link->reset(place_.stream, H2Code::NoError);
  }
  finish();
}

void OriginRequest::stop() {
  break_off(
      {ProxyErrorReason::ProxyInternalError, ProxyErrorOrigin::Worker, "the worker was stopped"},
      H2Code::Cancel);
}

void OriginRequest::abandon() {
  attached_ = false;
  finish();
}

void OriginRequest::finish() {
  if (std::exchange(finished_, true)) {
    return;
  }
  cancel_deadline();
  context_.loop.retire(std::move(dial_));
  drop_site();
  if (std::exchange(attached_, false)) {
    place_.link->forget(place_.stream);
  }
  context_.figures.request_finished(request_.head.method,
                                    status_,
                                    context_.loop.now() - started_,
                                    request_bytes_,
                                    response_bytes_);
  context_.owner.on_request_finished(*this);
}

}  // namespace scpool::worker
