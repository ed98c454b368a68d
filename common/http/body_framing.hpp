// How a message's body ends: length, chunked, close-delimited (RFC 9112 sections 6 and 7). Bytes
// in, views of body bytes out; nothing is buffered but a chunk's size line and the trailers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "common/http/message_head.hpp"

namespace scpool {

enum class BodyKind { None, Length, Chunked, UntilClose };

struct BodyPlan {
  BodyKind kind = BodyKind::None;
  std::uint64_t length = 0;  // with Length
  friend bool operator==(const BodyPlan&, const BodyPlan&) = default;
};

// Transfer-Encoding with Content-Length, repeated or malformed lengths, codings other than exactly
// "chunked", Transfer-Encoding in HTTP/1.0, CONNECT and TRACE with a body: refused (RFC 9112
// sections 6.1 and 6.3, RFC 9110 sections 9.3.6 and 9.3.8).
std::variant<BodyPlan, HeadProblem> request_body_plan(const RequestHead& head);
// `request_method` decides about HEAD and a successful CONNECT. A 101 has no body.
std::variant<BodyPlan, HeadProblem> response_body_plan(const ResponseHead& head,
                                                       std::string_view request_method);

class BodyReader {
 public:
  enum class State { NeedMore, Done, Refused };

  explicit BodyReader(BodyPlan plan);

  struct Step {
    std::size_t consumed = 0;  // of the input, framing included
    ByteView body;             // part of the input; may be empty
  };
  // Takes bytes up to the end of one run of body bytes; call again with the rest while bytes are
  // left and the state is NeedMore.
  Step receive(ByteView bytes);
  // The peer closed: completes UntilClose, refuses every body that is not Done.
  void receive_end();

  // More than so many of the next bytes are the body's, whatever they are: they need not be looked
  // at. At the body's end, and between chunks, every byte is.
  std::uint64_t plain_bytes() const;
  // So many went on without being looked at; count <= plain_bytes().
  void skip(std::uint64_t count) { remaining_ -= plan_.kind == BodyKind::UntilClose ? 0 : count; }

  State state() const { return state_; }
  const HeadProblem& problem() const { return problem_; }
  // After Done: trailer fields that may be kept; framing, routing and authentication fields have
  // been dropped (RFC 9110 section 6.5.1).
  const Fields& trailers() const { return trailers_; }

 private:
  enum class Phase { Data, SizeLine, DataEnd, Trailers };

  ByteView take_data(ByteView bytes);
  std::size_t take_line(std::string_view input);
  std::size_t take_data_end(std::string_view input);
  bool is_too_long(std::size_t line_size);
  void take_size_line(std::string_view line);
  void take_trailer_line(std::string_view line);
  void refuse(int status, std::string sentence);

  BodyPlan plan_;
  State state_ = State::NeedMore;
  Phase phase_ = Phase::Data;
  std::uint64_t remaining_ = 0;
  std::size_t extension_bytes_ = 0;
  std::string line_;
  std::size_t trailer_size_ = 0;
  std::size_t trailer_count_ = 0;  // the dropped ones too
  Fields trailers_;
  HeadProblem problem_;
};

// Whether a field may stand in a trailer section: not framing, routing, authentication, request
// modifiers, response control or content format (RFC 9110 section 6.5.1).
bool may_be_trailer(std::string_view name);

// Appends "SIZE CRLF"; the caller follows it with that many bytes and append_chunk_end.
void append_chunk_start(std::size_t size, std::string& out);
void append_chunk_end(std::string& out);
void append_last_chunk(const Fields& trailers, std::string& out);

}  // namespace scpool
