#include "common/http/body_framing.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>
#include <utility>

#include "common/base/text.hpp"
#include "common/http/characters.hpp"

namespace scpool {
namespace {

// Lengths beyond this do not fit everybody's signed arithmetic, which is what smugglers hope for.
constexpr auto kMaxLength = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

// `value`: of the only Content-Length.
std::variant<BodyPlan, HeadProblem> framing_by_length(std::string_view value) {
  const auto length = parse_number(value);
  if (!length || *length > kMaxLength) {
    return HeadProblem{400, "Content-Length is not a number below 2^63"};
  }
  return BodyPlan{BodyKind::Length, *length};
}

// What the fields alone say, the same for requests and responses; None when they say nothing.
std::variant<BodyPlan, HeadProblem> framing_of(const Fields& fields, int minor_version) {
  constexpr std::uint64_t kFramingBits =
      FieldStore::name_bit("Transfer-Encoding") | FieldStore::name_bit("Content-Length");
  if (!fields.may_contain(kFramingBits)) {
    return BodyPlan{};
  }
  std::size_t codings = 0;
  std::size_t lengths = 0;
  std::string_view value;  // of what comes last
  for (const Field field : fields) {
    const bool is_coding = equals_ignoring_case(field.name, "Transfer-Encoding");
    const bool is_length = equals_ignoring_case(field.name, "Content-Length");
    codings += is_coding ? 1 : 0;
    lengths += is_length ? 1 : 0;
    value = is_coding || is_length ? field.value : value;
  }
  if (codings > 0) {
    if (minor_version == 0) {
      return HeadProblem{400, "Transfer-Encoding in an HTTP/1.0 message"};
    }
    if (lengths > 0) {
      return HeadProblem{400, "both Transfer-Encoding and Content-Length"};
    }
    if (codings > 1 || !equals_ignoring_case(value, "chunked")) {
      return HeadProblem{501, "a Transfer-Encoding other than exactly \"chunked\""};
    }
    return BodyPlan{BodyKind::Chunked, 0};
  }
  if (lengths > 1) {
    return HeadProblem{400, "more than one Content-Length"};
  }
  return lengths == 0 ? BodyPlan{} : framing_by_length(value);
}

}  // namespace

std::variant<BodyPlan, HeadProblem> request_body_plan(const RequestHead& head) {
  auto framing = framing_of(head.fields, head.minor_version);
  const auto* plan = std::get_if<BodyPlan>(&framing);
  if (plan == nullptr) {
    return framing;
  }
  const bool has_body =
      plan->kind == BodyKind::Chunked || (plan->kind == BodyKind::Length && plan->length > 0);
  if (has_body && (head.method == "CONNECT" || head.method == "TRACE")) {
    return HeadProblem{400, head.method + " with a body"};
  }
  return has_body ? *plan : BodyPlan{};
}

std::variant<BodyPlan, HeadProblem> response_body_plan(const ResponseHead& head,
                                                       std::string_view request_method) {
  auto framing = framing_of(head.fields, head.minor_version);
  const auto* plan = std::get_if<BodyPlan>(&framing);
  if (plan == nullptr) {
    return framing;
  }
  const bool connected = request_method == "CONNECT" && head.status / 100 == 2;
  if (request_method == "HEAD" || head.status / 100 == 1 || head.status == 204 ||
      head.status == 304 || connected) {
    return BodyPlan{};
  }
  if (plan->kind == BodyKind::None) {
    return BodyPlan{BodyKind::UntilClose, 0};
  }
  return plan->kind == BodyKind::Length && plan->length == 0 ? BodyPlan{} : *plan;
}

BodyReader::BodyReader(BodyPlan plan) : plan_(plan), remaining_(plan.length) {
  if (plan.kind == BodyKind::None || (plan.kind == BodyKind::Length && plan.length == 0)) {
    state_ = State::Done;
  } else if (plan.kind == BodyKind::Chunked) {
    phase_ = Phase::SizeLine;
    remaining_ = 0;
  }
}

BodyReader::Step BodyReader::receive(ByteView bytes) {
  std::size_t at = 0;
  while (state_ == State::NeedMore && at < bytes.size()) {
    const ByteView rest = bytes.subspan(at);
    if (phase_ == Phase::Data) {
      const ByteView body = take_data(rest);
      return {at + body.size(), body};
    }
    at += phase_ == Phase::DataEnd ? take_data_end(as_text(rest)) : take_line(as_text(rest));
  }
  return {at, {}};
}

std::uint64_t BodyReader::plain_bytes() const {
  if (state_ != State::NeedMore || phase_ != Phase::Data) {
    return 0;
  }
  return plan_.kind == BodyKind::UntilClose ? kMaxLength : remaining_ - 1;
}

ByteView BodyReader::take_data(ByteView bytes) {
  if (plan_.kind == BodyKind::UntilClose) {
    return bytes;
  }
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size()));
  remaining_ -= size;
  if (remaining_ == 0) {
    if (plan_.kind == BodyKind::Length) {
      state_ = State::Done;
    } else {
      phase_ = Phase::DataEnd;
    }
  }
  return bytes.first(size);
}

// The CRLF behind a chunk's data; anything else there is refused at its first byte.
std::size_t BodyReader::take_data_end(std::string_view input) {
  const char expected = line_.empty() ? '\r' : '\n';
  if (input.front() != expected) {
    refuse(400, "a chunk is not as long as its size says");
  } else if (expected == '\r') {
    line_ = "\r";
  } else {
    line_.clear();
    phase_ = Phase::SizeLine;
  }
  return 1;
}

std::size_t BodyReader::take_line(std::string_view input) {
  const void* newline = std::memchr(input.data(), '\n', input.size());
  if (newline == nullptr) {
    if (!is_too_long(line_.size() + input.size())) {
      line_.append(input);
    }
    return input.size();
  }
  const auto length = static_cast<std::size_t>(static_cast<const char*>(newline) - input.data());
  if (is_too_long(line_.size() + length + 1)) {
    return length + 1;
  }
  std::string_view line = input.substr(0, length);
  std::string joined = std::exchange(line_, {});
  if (!joined.empty()) {
    line = joined.append(line);
  }
  if (!line.ends_with('\r')) {
    refuse(400, "a line of the chunked body ends with a bare LF");
  } else if (phase_ == Phase::SizeLine) {
    take_size_line(line.substr(0, line.size() - 1));
  } else {
    take_trailer_line(line.substr(0, line.size() - 1));
  }
  return length + 1;
}

// Depends on the line's size alone and not on where the input was cut.
bool BodyReader::is_too_long(std::size_t line_size) {
  constexpr std::size_t kMaxSizeLine =
      limits::kMaxChunkSizeDigits + limits::kMaxChunkExtensions + 2;
  if (phase_ == Phase::SizeLine && line_size > kMaxSizeLine) {
    refuse(400, "a chunk's size line is too long");
    return true;
  }
  if (phase_ == Phase::Trailers && trailer_size_ + line_size > limits::kMaxHead) {
    refuse(431, "the trailers are too large");
    return true;
  }
  return false;
}

void BodyReader::take_size_line(std::string_view line) {
  const std::string_view digits = line.substr(0, line.find(';'));
  const std::string_view extensions = line.substr(digits.size());
  std::uint64_t size = 0;
  const auto* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, size, 16);
  if (digits.empty() || digits.size() > limits::kMaxChunkSizeDigits || error != std::errc() ||
      stop != end || size > kMaxLength) {
    refuse(400, "a chunk's size is not 1 to 16 hexadecimal digits");
    return;
  }
  extension_bytes_ += extensions.size();
  if (extension_bytes_ > limits::kMaxChunkExtensions) {
    refuse(400, "the chunk extensions are too long");
    return;
  }
  if (!http::all_in_class(extensions, http::CharacterClass::Value)) {
    refuse(400, "a chunk extension has a control character");
    return;
  }
  remaining_ = size;
  phase_ = size == 0 ? Phase::Trailers : Phase::Data;
}

void BodyReader::take_trailer_line(std::string_view line) {
  if (line.empty()) {
    state_ = State::Done;
    return;
  }
  const http::FieldLine field = http::parse_field_line(line);
  if (field.problem != nullptr) {
    refuse(400, std::string("in the trailers: ") + field.problem);
    return;
  }
  trailer_size_ += line.size() + 2;
  if (++trailer_count_ > limits::kMaxFields) {
    refuse(431, "there are too many trailers");
    return;
  }
  if (may_be_trailer(field.name)) {
    trailers_.add(field.name, field.value);
  }
}

void BodyReader::receive_end() {
  if (state_ != State::NeedMore) {
    return;
  }
  if (plan_.kind == BodyKind::UntilClose) {
    state_ = State::Done;
  } else {
    refuse(400, "the connection was closed before the end of the body");
  }
}

void BodyReader::refuse(int status, std::string sentence) {
  state_ = State::Refused;
  problem_ = {status, std::move(sentence)};
}

bool may_be_trailer(std::string_view name) {
  // In the order of the reasons RFC 9110 section 6.5.1 gives.
  static constexpr std::array<std::string_view, 50> kForbidden = {"transfer-encoding",
                                                                  "content-length",
                                                                  "connection",
                                                                  "keep-alive",
                                                                  "upgrade",
                                                                  "te",
                                                                  "trailer",
                                                                  "http2-settings",
                                                                  "proxy-connection",
                                                                  "host",
                                                                  "max-forwards",
                                                                  "via",
                                                                  "forwarded",
                                                                  "origin",
                                                                  "authorization",
                                                                  "proxy-authorization",
                                                                  "proxy-authenticate",
                                                                  "www-authenticate",
                                                                  "proxy-authentication-info",
                                                                  "authentication-info",
                                                                  "cookie",
                                                                  "set-cookie",
                                                                  "cache-control",
                                                                  "expect",
                                                                  "pragma",
                                                                  "range",
                                                                  "if-match",
                                                                  "if-none-match",
                                                                  "if-modified-since",
                                                                  "if-unmodified-since",
                                                                  "if-range",
                                                                  "accept",
                                                                  "accept-encoding",
                                                                  "accept-language",
                                                                  "age",
                                                                  "date",
                                                                  "expires",
                                                                  "location",
                                                                  "retry-after",
                                                                  "vary",
                                                                  "warning",
                                                                  "content-encoding",
                                                                  "content-type",
                                                                  "content-range",
                                                                  "content-language",
                                                                  "content-location",
                                                                  "content-disposition",
                                                                  "referer",
                                                                  "user-agent",
                                                                  "proxy-status"};
  const std::string lowered = to_lower(name);
  return std::find(kForbidden.begin(), kForbidden.end(), lowered) == kForbidden.end() &&
         !lowered.starts_with("tunnel-") && !lowered.starts_with("x-forwarded-") &&
         !lowered.starts_with("sec-");
}

void append_chunk_start(std::size_t size, std::string& out) {
  std::array<char, 2 * sizeof(size) + 2> digits{};
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16);
  out.append(digits.data(), result.ptr).append("\r\n");
}

void append_chunk_end(std::string& out) {
  out.append("\r\n");
}

void append_last_chunk(const Fields& trailers, std::string& out) {
  out.append("0\r\n");
  trailers.append_lines(out);
  out.append("\r\n");
}

}  // namespace scpool
