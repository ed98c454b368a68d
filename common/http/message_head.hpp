// Strict HTTP/1 heads, read and written (RFC 9112). Reject, never repair: what is not exactly right
// ends with a status and a sentence. Knows nothing of bodies (body_framing) or forwarding
// (field_rules).
#pragma once

#include <cstddef>
#include <string>
#include <variant>

#include "common/base/bytes.hpp"
#include "common/base/limits.hpp"
#include "common/http/fields.hpp"

namespace scpool {

struct RequestHead {
  std::string method;
  std::string target;  // as it stands in the request line
  int minor_version = 1;
  Fields fields;
};

struct ResponseHead {
  int minor_version = 1;
  int status = 0;
  std::string reason;
  Fields fields;
};

struct HeadLimits {
  std::size_t max_target = limits::kMaxTarget;  // longer: 414
  std::size_t max_head = limits::kMaxHead;      // longer: 431
  std::size_t max_fields = limits::kMaxFields;  // more: 431
};

// Why a head was refused; `status` is what to answer a client (a gateway answers 502 for a site).
struct HeadProblem {
  int status = 400;
  std::string sentence;
};

// Collects one head from bytes as they arrive. At most one empty line before a request line is
// skipped (RFC 9112 section 2.2). After Done or Refused a new parser is needed.
class HeadParser {
 public:
  enum class Kind { Request, Response };
  enum class State { NeedMore, Done, Refused };

  explicit HeadParser(Kind kind, HeadLimits limits = {}) : kind_(kind), limits_(limits) {}

  // Returns how many bytes belonged to the head; the rest is the body's or the next message's.
  std::size_t receive(ByteView bytes);

  State state() const { return state_; }
  bool started() const { return started_; }  // true once any byte of a start line was seen
  const HeadProblem& problem() const { return problem_; }
  // Only in state Done, and only of the parser's own kind.
  RequestHead& request() { return request_; }
  ResponseHead& response() { return response_; }

 private:
  void take_line(std::string_view line);
  void refuse(int status, std::string sentence);
  void take_request_line(std::string_view line);
  void take_status_line(std::string_view line);
  void take_field_line(std::string_view line);
  void finish();

  Kind kind_;
  HeadLimits limits_;
  State state_ = State::NeedMore;
  bool started_ = false;
  bool have_start_line_ = false;
  bool skipped_empty_line_ = false;
  std::size_t head_size_ = 0;
  std::string line_;
  HeadProblem problem_;
  RequestHead request_;
  ResponseHead response_;
};

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text);
// No NUL, CR, LF; no blank at either end (RFC 9110 section 5.5, RFC 9113 section 8.2.1).
bool is_field_value(std::string_view text);

// Appends the head, ending in the empty line. The caller passes valid parts only.
void write_head(const RequestHead& head, std::string& out);
void write_head(const ResponseHead& head, std::string& out);
// The registered phrase of a status, "Unknown" for others (RFC 9110 section 15).
std::string_view reason_phrase(int status);

// scheme, host and port out of "host:port" or an absolute-form target (RFC 9112 section 3.2).
struct Authority {
  std::string host;  // lower case, without brackets for IPv6
  std::uint16_t port = 0;
  bool is_ipv6_literal = false;
  std::string text() const;  // "host:port", brackets where they belong
};

// `default_port` 0: the port is mandatory (CONNECT). Userinfo is refused (RFC 9110 section 4.2.4).
std::variant<Authority, HeadProblem> parse_authority(std::string_view text,
                                                     std::uint16_t default_port);

struct AbsoluteTarget {
  std::string scheme;  // lower case
  Authority authority;
  std::string path_and_query;  // begins with "/"; "*" for OPTIONS on an empty path
};

std::variant<AbsoluteTarget, HeadProblem> parse_absolute_target(std::string_view method,
                                                                std::string_view target);

}  // namespace scpool
