// The answering half of an HttpConnection: heads, bodies, chunks, and giving the connection away.
#include <array>
#include <ctime>
#include <utility>

#include "common/base/text.hpp"
#include "common/io/http_connection.hpp"

namespace scpool {
namespace {

bool has_no_body(int status) {
  return status / 100 == 1 || status == 204 || status == 304;
}

// The server's own business, and what would break the message.
bool may_pass(const Field& field) {
  for (const std::string_view own :
       {"Content-Length", "Transfer-Encoding", "Connection", "Date", "Server"}) {
    if (equals_ignoring_case(field.name, own)) {
      return false;
    }
  }
  return is_token(field.name) && is_field_value(field.value);
}

}  // namespace

std::string http_date(WallTime time) {
  constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths = {
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = unix_seconds(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 64> text{};
  std::snprintf(text.data(),
                text.size(),
                "%s, %02d %s %04d %02d:%02d:%02d GMT",
                kDays.at(static_cast<std::size_t>(parts.tm_wday)),
                parts.tm_mday,
                kMonths.at(static_cast<std::size_t>(parts.tm_mon)),
                parts.tm_year + 1900,
                parts.tm_hour,
                parts.tm_min,
                parts.tm_sec);
  return text.data();
}

bool HttpConnection::closes_after() const {
  return close_wanted_ || service_.draining || (peer_ended_ && input_.empty());
}

// Into out_. Without a length the body is chunked, or ends with the connection.
void HttpConnection::write_head_of(const HttpResponse& response,
                                   std::optional<std::size_t> length) {
  ResponseHead head;
  head.status = response.status;
  head.reason = reason_phrase(response.status);
  head.fields.add("Date", http_date(service_.loop.wall_now()));
  if (!service_.settings.server_name.empty()) {
    head.fields.add("Server", service_.settings.server_name);
  }
  for (const Field field : response.fields) {
    if (may_pass(field)) {
      head.fields.add(field.name, field.value);
    }
  }
  chunked_ = false;
  if (has_no_body(response.status)) {
    // Neither length nor coding (RFC 9110 section 8.6).
  } else if (length.has_value()) {
    head.fields.add("Content-Length", std::to_string(*length));
  } else if (is_old_client_) {
    close_wanted_ = true;
  } else {
    chunked_ = true;
    head.fields.add("Transfer-Encoding", "chunked");
  }
  if (closes_after()) {
    close_wanted_ = true;
    head.fields.add("Connection", "close");
  }
  out_.clear();
  write_head(head, out_);
}

void HttpConnection::send(const HttpResponse& response) {
  write_head_of(response, response.body.size());
  if (is_head_request_ || has_no_body(response.status)) {
    stream_->write(out_);
  } else {
    const std::array<ByteView, 2> parts = {as_bytes(out_), as_bytes(response.body)};
    stream_->write_parts(parts);
  }
  finish_answer();
}

void HttpConnection::finish_answer() {
  if (reply_ != nullptr) {
    reply_->connection = nullptr;
    reply_->on_gone = nullptr;
    reply_ = nullptr;
  }
  out_ = std::string();
  if (close_wanted_) {
    linger();
  } else {
    has_answered_ = true;
    wait_for_request();
  }
}

void HttpConnection::begin(const HttpResponse& head) {
  write_head_of(head, std::nullopt);
  if (is_head_request_ || has_no_body(head.status)) {
    chunked_ = false;
    is_head_request_ = true;  // what is written from here has no place in the answer
  }
  state_ = State::Streaming;
  stream_->write(out_);
  if (!head.body.empty()) {
    write(head.body);
  }
  watch_writing();
}

void HttpConnection::write(std::string_view text) {
  if (is_head_request_ || text.empty()) {
    return;  // an empty chunk would end the body
  }
  if (!chunked_) {
    stream_->write(text);
    return;
  }
  std::string size;
  std::string line_end;
  append_chunk_start(text.size(), size);
  append_chunk_end(line_end);
  const std::array<ByteView, 3> parts = {as_bytes(size), as_bytes(text), as_bytes(line_end)};
  stream_->write_parts(parts);
}

void HttpConnection::end() {
  if (chunked_) {
    std::string last;
    append_last_chunk({}, last);
    stream_->write(last);
  }
  finish_answer();
}

// A streamed answer that its writer gave up: the client must not take it for complete.
void HttpConnection::break_answer() {
  reply_->on_gone = nullptr;
  stream_->reset();
  finish();
}

std::optional<UpgradedConnection> HttpConnection::upgrade(const ResponseHead& head) {
  out_.clear();
  write_head(head, out_);
  stream_->write(out_);
  stream_->set_listener(nullptr);
  stream_->resume_reading();
  const ByteView rest = as_bytes(input_);
  UpgradedConnection connection{std::move(stream_), Bytes(rest.begin(), rest.end())};
  if (reply_ != nullptr) {
    reply_->on_gone = nullptr;
  }
  finish();
  return connection;
}

HttpReply::HttpReply(std::unique_ptr<Ref> ref) : ref_(std::move(ref)) {}
HttpReply::HttpReply(HttpReply&&) noexcept = default;

HttpReply& HttpReply::operator=(HttpReply&& other) noexcept {
  if (this != &other) {
    const HttpReply replaced(std::move(*this));
    ref_ = std::move(other.ref_);
  }
  return *this;
}

HttpReply::~HttpReply() {
  if (!client_is_there()) {
    return;
  }
  if (ref_->begun) {
    ref_->connection->break_answer();
  } else {
    ref_->connection->send(json_error(500, "the request was not answered"));
  }
}

bool HttpReply::client_is_there() const {
  return ref_ != nullptr && ref_->connection != nullptr;
}

void HttpReply::send(const HttpResponse& response) {
  if (client_is_there() && !ref_->begun) {
    ref_->connection->send(response);
  }
}

void HttpReply::begin(const HttpResponse& head) {
  if (client_is_there() && !ref_->begun) {
    ref_->begun = true;
    ref_->connection->begin(head);
  }
}

void HttpReply::write(std::string_view text) {
  if (client_is_there() && ref_->begun) {
    ref_->connection->write(text);
  }
}

std::size_t HttpReply::queued() const {
  return client_is_there() ? ref_->connection->queued() : 0;
}

void HttpReply::when_sent(std::function<void()> action) {
  if (client_is_there() && ref_->begun) {
    ref_->connection->when_sent(std::move(action));
  }
}

void HttpReply::end() {
  if (client_is_there() && ref_->begun) {
    ref_->connection->end();
  }
}

void HttpReply::on_gone(std::function<void()> action) {
  if (client_is_there()) {
    ref_->on_gone = std::move(action);
  }
}

std::optional<UpgradedConnection> HttpReply::upgrade(const ResponseHead& head) {
  if (!client_is_there() || ref_->begun) {
    return std::nullopt;
  }
  return ref_->connection->upgrade(head);
}

}  // namespace scpool
