#include "server/io/browser_answer.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "common/base/byte_parts.hpp"
#include "common/base/check.hpp"
#include "common/base/text.hpp"
#include "common/http/body_framing.hpp"
#include "common/http/field_rules.hpp"

namespace scpool::server {

namespace {

// Larger runs go out by themselves, behind what was gathered.
constexpr std::size_t kMaxGathered = 16 * 1024;
constexpr std::size_t kMostSpares = 16;

constexpr int kContinue = 100;
constexpr int kSwitching = 101;
constexpr int kNoContent = 204;
constexpr int kNotModified = 304;

// Memory of what went out, for what comes next: most answers are gathered and gone within a turn.
thread_local std::vector<std::string> spares;

}  // namespace

std::string& BrowserAnswer::gather() {
  if (gathered_.empty() && !spares.empty()) {
    gathered_ = std::move(spares.back());
    spares.pop_back();
  }
  return gathered_;
}

void BrowserAnswer::clear_gathered() {
  gathered_.clear();
  if (spares.size() < kMostSpares && gathered_.capacity() <= 2 * kMaxGathered) {
    spares.push_back(std::exchange(gathered_, {}));
  }
}

void BrowserAnswer::informational(ResponseHead&& head) {
  if (request_.minor_version == 0 || head.status == kSwitching || head_sent() ||
      (head.status == kContinue && continue_sent_)) {
    return;
  }
  continue_sent_ = continue_sent_ || head.status == kContinue;
  head.minor_version = 1;
  head.reason = reason_phrase(head.status);
  write_head(head, gather());
  flush();
}

void BrowserAnswer::head(ResponseHead&& head, bool keep_alive) {
  head.minor_version = 1;
  const bool success = head.status >= 200 && head.status < 300;
  if (success && request_.kind == IngressKind::Connect) {
    framing_ = Framing::Raw;
    head.fields.remove("content-length");
  } else if (success && request_.kind == IngressKind::WebSocket) {
    framing_ = Framing::Raw;
    head.status = kSwitching;
    head.reason = reason_phrase(head.status);
    head.fields.remove("content-length");
    head.fields.add("Connection", "Upgrade");
    head.fields.add("Upgrade", "websocket");
    head.fields.add("Sec-WebSocket-Accept", websocket_accept(request_.websocket_key));
  } else {
    choose_framing(head);
    keeps_connection_ = keep_alive && request_.keep_alive && framing_ != Framing::UntilClose &&
                        request_.kind == IngressKind::Exchange;
    if (!keeps_connection_) {
      head.fields.add("Connection", "close");
    }
  }
  status_ = head.status;
  write_head(head, gather());
  turn_end_.arm();
}

void BrowserAnswer::keep_back() {
  kept_back_ = framing_ == Framing::Length && gathered_.size() + *remaining_ <= kMaxGathered;
}

bool BrowserAnswer::take_back() {
  if (!kept_back_) {
    return false;
  }
  kept_back_ = false;
  clear_gathered();
  framing_ = Framing::None;
  status_ = 0;
  body_bytes_ = 0;
  remaining_.reset();
  return true;
}

// As one piece: between two turns nobody sees half a chunk.
void BrowserAnswer::put(ByteView before, std::span<const ByteView> body, ByteView behind) {
  SCPOOL_CHECK(body.size() <= kMaxBodyParts);
  if (gathered_.size() + total_size(body) <= kMaxGathered) {
    std::string& gathered = gather();
    gathered += as_text(before);
    for (const ByteView part : body) {
      gathered += as_text(part);
    }
    gathered += as_text(behind);
    turn_end_.arm();
    return;
  }
  std::array<ByteView, kMaxBodyParts + 3> parts{as_bytes(gathered_), before};
  *std::copy(body.begin(), body.end(), parts.begin() + 2) = behind;
  browser_.write_parts(std::span(parts).first(body.size() + 3));
  clear_gathered();
}

void BrowserAnswer::flush() {
  kept_back_ = false;
  if (!gathered_.empty()) {
    browser_.write(gathered_);
    clear_gathered();
  }
}

void BrowserAnswer::written_at_turn_end() {
  if (!kept_back_) {
    flush();
  }
  if (on_written_) {
    on_written_();
  }
}

void BrowserAnswer::choose_framing(ResponseHead& head) {
  const auto length = head.fields.find("content-length");
  if (request_.method == "HEAD" || head.status == kNoContent || head.status == kNotModified) {
    framing_ = Framing::None;
    if (head.status == kNoContent) {
      head.fields.remove("content-length");
    }
    return;
  }
  if (const auto number = length ? parse_number(*length) : std::nullopt) {
    framing_ = Framing::Length;
    remaining_ = number;
  } else if (request_.minor_version == 0) {
    framing_ = Framing::UntilClose;
  } else {
    framing_ = Framing::Chunked;
    head.fields.add("Transfer-Encoding", "chunked");
  }
}

BrowserAnswer::BodyVerdict BrowserAnswer::body(std::span<const ByteView> parts) {
  const std::size_t size = total_size(parts);
  if (size == 0) {
    return BodyVerdict::Fine;
  }
  body_bytes_ += size;
  switch (framing_) {
    case Framing::None:
      return BodyVerdict::TooLong;
    case Framing::Length:
      if (size > *remaining_) {
        return BodyVerdict::TooLong;
      }
      *remaining_ -= size;
      put({}, parts, {});
      break;
    case Framing::Chunked: {
      std::string start;
      append_chunk_start(size, start);
      std::string end;
      append_chunk_end(end);
      put(as_bytes(start), parts, as_bytes(end));
      break;
    }
    case Framing::UntilClose:
    case Framing::Raw:
      put({}, parts, {});
      break;
  }
  return BodyVerdict::Fine;
}

bool BrowserAnswer::end(const Fields& trailers) {
  if (framing_ == Framing::Length && *remaining_ != 0) {
    keeps_connection_ = false;
    return false;
  }
  if (framing_ == Framing::Chunked) {
    append_last_chunk(trailers, gather());
  }
  flush();
  return true;
}

void BrowserAnswer::whole(ResponseHead&& head, const std::string& body) {
  keeps_connection_ = false;
  head.minor_version = 1;
  head.fields.set("Content-Length", std::to_string(body.size()));
  head.fields.set("Connection", "close");
  head.fields.add("X-Request-Id", request_.request_id);
  status_ = head.status;
  write_head(head, gather());
  if (request_.method != "HEAD") {
    gathered_ += body;
  }
  flush();
}

void BrowserAnswer::error(const std::string& node, const ProxyError& error) {
  ErrorAnswer answer = error_answer(node, error, request_.accept);
  whole(std::move(answer.head), answer.body);
}

void BrowserAnswer::refusal(const std::string& node,
                            const IngressRefusal& refusal,
                            const Fields& more) {
  ResponseHead head;
  head.status = refusal.status;
  head.reason = reason_phrase(refusal.status);
  head.fields.add("Content-Type", "text/plain; charset=utf-8");
  if (!refusal.error_type.empty()) {
    head.fields.add("Proxy-Status", node + "; error=" + refusal.error_type);
  }
  for (const Field field : more) {
    head.fields.add(field.name, field.value);
  }
  whole(std::move(head), refusal.sentence + "\n");
}

}  // namespace scpool::server
