// Strict HTTP/1 heads, read and written (RFC 9112). Reject, never repair: what is not exactly right
// ends with a status and a sentence. Knows nothing of bodies (body_framing) or forwarding
// (field_rules).
#pragma once

#include <cstddef>
#include <string>
#include <variant>

#include "common/base/bytes.hpp"
#include "common/base/limits.hpp"
#include "common/http/authority.hpp"
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

// Collects one head from bytes as they arrive. At most one empty line before a request line is
// skipped (RFC 9112 section 2.2). After Done or Refused it takes no more until restart().
class HeadParser {
 public:
  enum class Kind { Request, Response };
  enum class State { NeedMore, Done, Refused };

  explicit HeadParser(Kind kind, HeadLimits limits = {}) : kind_(kind), limits_(limits) {}

  // For the next head, as a new parser would be, with the memory of the last.
  void restart();
  // Returns how many bytes belonged to the head; the rest is the body's or the next message's.
  std::size_t receive(ByteView bytes);

  State state() const { return state_; }
  bool started() const { return started_; }  // true once any byte of a start line was seen
  const HeadProblem& problem() const { return problem_; }
  // Only in state Done, and only of the parser's own kind.
  RequestHead& request() { return request_; }
  ResponseHead& response() { return response_; }

 private:
  bool begins_well(char first);
  std::size_t receive_line(std::string_view input);
  // Depends on the line's size alone and not on where the input was cut.
  bool is_too_long(std::size_t line_size) {
    return (!have_start_line_ || head_size_ + line_size > limits_.max_head) &&
           refuse_too_long(line_size);
  }
  bool refuse_too_long(std::size_t line_size);
  void take_line(std::string_view line);
  void refuse(int status, std::string sentence);
  void take_request_line(std::string_view line);
  void take_status_line(std::string_view line);
  void take_field_line(std::string_view line);
  void finish();
  Fields& fields();

  Kind kind_;
  HeadLimits limits_;
  State state_ = State::NeedMore;
  bool started_ = false;
  bool have_start_line_ = false;
  bool skipped_empty_line_ = false;
  std::size_t head_size_ = 0;  // of the lines already taken
  std::string line_;           // a line of which the end has not come yet
  HeadProblem problem_;
  RequestHead request_;
  ResponseHead response_;
};

// RFC 9110 section 5.6.2.
bool is_token(std::string_view text);
// No control character but the tab; no blank at either end (RFC 9110 section 5.5, RFC 9113 section
// 8.2.1).
bool is_field_value(std::string_view text);

// Appends the head, ending in the empty line. The caller passes valid parts only.
void write_head(const RequestHead& head, std::string& out);
void write_head(const ResponseHead& head, std::string& out);
// The registered phrase of a status, "Unknown" for others (RFC 9110 section 15).
std::string_view reason_phrase(int status);

}  // namespace scpool
