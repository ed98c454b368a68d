#include "common/http/message_head.hpp"

#include <cstring>

#include "common/base/text.hpp"
#include "common/http/characters.hpp"

namespace scpool {
namespace {

// What a start line may hold beside its target: a method or a version, a status, a reason.
constexpr std::size_t kStartLineExtra = 256;
constexpr const char* kInnerCr = "a line has a CR inside";
constexpr std::size_t kUsualFieldCount = 16;
constexpr std::size_t kUsualFieldBytes = 512;
constexpr std::size_t kMostKept = 256;  // of each text between two heads

// 0, 1, or -1 when it is no version at all, -2 when it is one we do not speak.
int minor_version(std::string_view text) {
  if (text == "HTTP/1.1") {
    return 1;
  }
  if (text == "HTTP/1.0") {
    return 0;
  }
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool well_formed = text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) &&
                           text[6] == '.' && is_digit(text[7]);
  return well_formed ? -2 : -1;
}

}  // namespace

void HeadParser::restart() {
  state_ = State::NeedMore;
  started_ = have_start_line_ = skipped_empty_line_ = false;
  head_size_ = 0;
  for (std::string* text : {&line_, &problem_.sentence, &request_.target}) {
    if (text->capacity() > kMostKept) {
      *text = std::string();
    }
    text->clear();
  }
  request_.fields = Fields();
  response_.fields = Fields();
}

std::size_t HeadParser::receive(ByteView bytes) {
  const std::string_view input = as_text(bytes);
  std::size_t at = 0;
  while (state_ == State::NeedMore && at < input.size() &&
         (have_start_line_ || begins_well(input[at]))) {
    at += receive_line(input.substr(at));
  }
  return at;
}

// Garbage (a TLS hello, say) is told at its first byte, not when the head time is over.
bool HeadParser::begins_well(char first) {
  if (!line_.empty()) {
    return true;
  }
  const bool is_request = kind_ == Kind::Request;
  const bool plausible =
      is_request ? http::is_in_class(first, http::CharacterClass::Token) : first == 'H';
  const bool empty_line = first == '\r' && is_request && !skipped_empty_line_;
  started_ = started_ || plausible;
  if (!plausible && !empty_line) {
    refuse(400, "this is not the beginning of an HTTP/1 message");
    return false;
  }
  return true;
}

// Up to the end of one line; in place when it came whole.
std::size_t HeadParser::receive_line(std::string_view input) {
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
  head_size_ += line_.size() + length + 1;
  if (line_.empty()) {
    take_line(input.substr(0, length));
  } else {
    line_.append(input.substr(0, length));
    take_line(line_);
    line_.clear();
  }
  return length + 1;
}

// False when it is not too long.
bool HeadParser::refuse_too_long(std::size_t line_size) {
  const std::size_t max_start_line = limits_.max_target + kStartLineExtra;
  if (head_size_ + line_size <= limits_.max_head &&
      (have_start_line_ || line_size <= max_start_line)) {
    return false;
  }
  if (!have_start_line_ && line_size > max_start_line &&
      head_size_ + max_start_line < limits_.max_head) {
    if (kind_ == Kind::Request) {
      refuse(414, "the request line is too long");
    } else {
      refuse(431, "the status line is too long");
    }
    return true;
  }
  if (head_size_ + line_size > limits_.max_head) {
    refuse(431, "the head is larger than " + std::to_string(limits_.max_head) + " bytes");
    return true;
  }
  return false;
}

// `line` is without its LF.
void HeadParser::take_line(std::string_view line) {
  if (!line.ends_with('\r')) {
    refuse(400, "a line ends with a bare LF");
    return;
  }
  line.remove_suffix(1);
  if (have_start_line_) {
    if (line.empty()) {
      finish();
    } else {
      take_field_line(line);
    }
    return;
  }
  if (line.find('\r') != std::string_view::npos) {
    refuse(400, kInnerCr);
  } else if (line.empty()) {
    skipped_empty_line_ = true;
  } else if (kind_ == Kind::Request) {
    take_request_line(line);
  } else {
    take_status_line(line);
  }
}

void HeadParser::take_request_line(std::string_view line) {
  const std::size_t method_end = line.find(' ');
  const std::size_t target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || target_end == method_end) {
    refuse(400, "the request line is not METHOD SP TARGET SP VERSION");
    return;
  }
  const std::string_view method = line.substr(0, method_end);
  const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  if (!is_token(method)) {
    refuse(400, "the method is not a token");
    return;
  }
  if (target.empty() || !http::all_in_class(target, http::CharacterClass::Target)) {
    refuse(400, "the request target is empty or has a character that is not allowed");
    return;
  }
  const int minor = minor_version(line.substr(target_end + 1));
  if (minor < 0) {
    refuse(minor == -2 ? 505 : 400, "the version is neither HTTP/1.1 nor HTTP/1.0");
    return;
  }
  if (target.size() > limits_.max_target) {
    refuse(414,
           "the request target is longer than " + std::to_string(limits_.max_target) + " bytes");
    return;
  }
  request_.method = method;
  request_.target = target;
  request_.minor_version = minor;
  request_.fields.reserve(kUsualFieldCount, kUsualFieldBytes);
  have_start_line_ = true;
}

void HeadParser::take_status_line(std::string_view line) {
  constexpr std::size_t kVersionSize = 8;
  constexpr std::size_t kStatusEnd = kVersionSize + 4;
  const int minor = minor_version(line.substr(0, kVersionSize));
  if (minor < 0) {
    refuse(minor == -2 ? 505 : 400, "the version is neither HTTP/1.1 nor HTTP/1.0");
    return;
  }
  // The blank after the status may be missing together with the reason (many servers).
  const auto status = line.size() >= kStatusEnd && line[kVersionSize] == ' '
                          ? parse_number(line.substr(kVersionSize + 1, 3))
                          : std::nullopt;
  if (!status || *status < 100 || *status > 599 ||
      (line.size() > kStatusEnd && line[kStatusEnd] != ' ')) {
    refuse(400, "the status line is not VERSION SP STATUS SP REASON");
    return;
  }
  const std::string_view reason =
      line.size() > kStatusEnd ? line.substr(kStatusEnd + 1) : std::string_view();
  if (!http::is_value_text(reason)) {
    refuse(400, "the reason has a control character");
    return;
  }
  response_.minor_version = minor;
  response_.status = static_cast<int>(*status);
  response_.reason = reason;
  response_.fields.reserve(kUsualFieldCount, kUsualFieldBytes);
  have_start_line_ = true;
}

void HeadParser::take_field_line(std::string_view line) {
  const http::FieldLine field = http::parse_field_line(line);
  if (field.problem != nullptr) {
    refuse(400, line.find('\r') != std::string_view::npos ? kInnerCr : field.problem);
    return;
  }
  if (fields().size() == limits_.max_fields) {
    refuse(431, "the head has more than " + std::to_string(limits_.max_fields) + " fields");
    return;
  }
  const std::size_t usual_size = field.name.size() + 2 + field.value.size();
  if (line.size() == usual_size && line[field.name.size() + 1] == ' ') {
    fields().add_line(line, field.name.size());
  } else {
    fields().add(field.name, field.value);
  }
}

void HeadParser::finish() {
  if (kind_ == Kind::Request) {
    // RFC 9112 section 3.2: one Host in HTTP/1.1, at most one in HTTP/1.0, valid when not empty.
    const std::size_t hosts = request_.fields.count("Host");
    if (hosts > 1 || (hosts == 0 && request_.minor_version == 1)) {
      refuse(400, hosts > 1 ? "there is more than one Host" : "Host is missing");
      return;
    }
    const std::string_view host = hosts == 0 ? "" : *request_.fields.find("Host");
    if (!host.empty()) {
      if (const auto problem = problem_of_authority(host, default_port("http"))) {
        refuse(400, "Host: " + problem->sentence);
        return;
      }
    }
  }
  state_ = State::Done;
}

Fields& HeadParser::fields() {
  return kind_ == Kind::Request ? request_.fields : response_.fields;
}

void HeadParser::refuse(int status, std::string sentence) {
  state_ = State::Refused;
  problem_ = {status, std::move(sentence)};
}

}  // namespace scpool
