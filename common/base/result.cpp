#include "common/base/result.hpp"

#include <cerrno>
#include <system_error>

namespace scpool {
namespace {

ErrorKind kind_of_errno(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ESRCH:
      return ErrorKind::NotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorKind::Denied;
    case EADDRINUSE:
    case EEXIST:
    case EWOULDBLOCK:
      return ErrorKind::Exists;
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EPIPE:
      return ErrorKind::Unreachable;
    case ETIMEDOUT:
      return ErrorKind::TimedOut;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
      return ErrorKind::Exhausted;
    case ECANCELED:
      return ErrorKind::Closed;
    case EINVAL:
    case ENAMETOOLONG:
      return ErrorKind::Invalid;
    default:
      return ErrorKind::System;
  }
}

}  // namespace

std::string_view to_text(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Invalid:
      return "invalid";
    case ErrorKind::NotFound:
      return "not found";
    case ErrorKind::Denied:
      return "denied";
    case ErrorKind::Exists:
      return "exists";
    case ErrorKind::Unreachable:
      return "unreachable";
    case ErrorKind::TimedOut:
      return "timed out";
    case ErrorKind::Closed:
      return "closed";
    case ErrorKind::Exhausted:
      return "exhausted";
    case ErrorKind::Protocol:
      return "protocol";
    case ErrorKind::System:
      return "system";
  }
  return "?";
}

Error Error::from_errno(int error_number, std::string_view sentence) {
  return {kind_of_errno(error_number),
          std::string(sentence) + ": " + std::generic_category().message(error_number)};
}

Error Error::within(std::string_view context) const {
  return {kind_, std::string(context) + ": " + sentence_};
}

}  // namespace scpool
