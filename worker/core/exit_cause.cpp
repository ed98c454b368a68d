#include "worker/core/exit_cause.hpp"

#include "common/base/text.hpp"

namespace scpool::worker {

int exit_code(ExitClass exit_class) {
  switch (exit_class) {
    case ExitClass::Clean:
      return 0;
    case ExitClass::Usage:
      return 2;
    case ExitClass::Credentials:
    case ExitClass::Quota:
    case ExitClass::Network:
    case ExitClass::Trust:
    case ExitClass::Server:
    case ExitClass::Remote:
    case ExitClass::Port:
    case ExitClass::Local:
      return 1;
  }
  return 1;
}

int legacy_exit_code(ExitClass exit_class) {
  constexpr int kClosedByRemoteRequest = 8;
  return exit_class == ExitClass::Remote ? kClosedByRemoteRequest : exit_code(exit_class);
}

std::string_view to_text(ExitClass exit_class) {
  switch (exit_class) {
    case ExitClass::Clean:
      return "clean";
    case ExitClass::Usage:
      return "usage";
    case ExitClass::Credentials:
      return "credentials";
    case ExitClass::Quota:
      return "quota";
    case ExitClass::Network:
      return "network";
    case ExitClass::Trust:
      return "trust";
    case ExitClass::Server:
      return "server";
    case ExitClass::Remote:
      return "remote";
    case ExitClass::Port:
      return "port";
    case ExitClass::Local:
      return "local";
  }
  return "unknown";
}

bool is_transient(const RestProblem& problem) {
  if (problem.status == 0) {
    return problem.kind != ErrorKind::Denied && problem.kind != ErrorKind::Invalid;
  }
  return problem.status == 408 || problem.status == 429 || problem.status >= 500;
}

bool is_quota(const RestProblem& problem) {
  return problem.status == 400 && to_lower(problem.sentence).find("too many") != std::string::npos;
}

ExitCause cause_of(std::string_view step, const RestProblem& problem, std::string_view user) {
  if (problem.status == 401) {
    return {ExitClass::Credentials,
            "credentials refused: the server does not accept the access key of user \"" +
                std::string(user) + "\"; check --username and --access-key"};
  }
  if (problem.status == 0 && problem.kind == ErrorKind::Denied) {
    return {ExitClass::Trust,
            "server not trusted: " + problem.sentence +
                "; a certificate authority of your own is given with --cacert-file"};
  }
  if (problem.status == 0) {
    return {ExitClass::Network, "server not reachable: " + problem.sentence};
  }
  const ExitClass exit_class = problem.status == 403 ? ExitClass::Credentials
                               : is_quota(problem)   ? ExitClass::Quota
                                                     : ExitClass::Server;
  return {exit_class, std::string(step) + ": " + problem.sentence};
}

}  // namespace scpool::worker
