// Result<T>: a value or an Error. Our functions do not throw; what may fail in operation returns
// one of these and the caller must look at it. Error is a kind for programs and a sentence for
// people: it names the thing (file, key, address) and, where there is one, the mend.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "common/base/check.hpp"

namespace scpool {

enum class ErrorKind {
  Invalid,      // the input is wrong: usage, configuration, malformed message
  NotFound,     // no such file, host, tunnel, slot
  Denied,       // credentials or policy
  Exists,       // address in use, lock held, name taken
  Unreachable,  // refused, no route, reset
  TimedOut,     // a deadline passed
  Closed,       // the other side ended, or we are stopping
  Exhausted,    // quota, descriptors, memory, queue full
  Protocol,     // the peer broke a protocol rule
  System,       // any other failure of the operating system
};

std::string_view to_text(ErrorKind kind);

class [[nodiscard]] Error {
 public:
  Error(ErrorKind kind, std::string sentence) : kind_(kind), sentence_(std::move(sentence)) {}

  // From an errno value: "SENTENCE: No such file or directory", with the fitting kind.
  static Error from_errno(int error_number, std::string_view sentence);

  ErrorKind kind() const { return kind_; }
  const std::string& sentence() const { return sentence_; }

  // The same error, read from further out: "CONTEXT: SENTENCE".
  Error within(std::string_view context) const;

 private:
  ErrorKind kind_;
  std::string sentence_;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return std::holds_alternative<T>(state_); }
  explicit operator bool() const { return ok(); }

  T& value() & {
    SCPOOL_CHECK(ok());
    return *std::get_if<T>(&state_);
  }
  const T& value() const& {
    SCPOOL_CHECK(ok());
    return *std::get_if<T>(&state_);
  }
  T&& value() && {
    SCPOOL_CHECK(ok());
    return std::move(*std::get_if<T>(&state_));
  }
  const Error& error() const {
    SCPOOL_CHECK(!ok());
    return *std::get_if<Error>(&state_);
  }
  Result within(std::string_view context) && {
    if (ok()) {
      return std::move(*this);
    }
    return error().within(context);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    SCPOOL_CHECK(error_.has_value());
    return *error_;
  }
  Result within(std::string_view context) && {
    if (ok()) {
      return {};
    }
    return error_->within(context);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace scpool
