// How a worker ends: exit code and the one sentence that says why, on standard error and in the
// log. The sentences are a contract: sc-pool classifies exits by their beginnings.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/base/time.hpp"

namespace scpool::worker {

enum class ExitClass {
  Clean,        // 0
  Usage,        // 2: command line or configuration
  Credentials,  // the server refuses user or key
  Quota,        // the account's tunnel limit; the server's text is passed on
  Network,      // server not reachable, or not within the limits
  Trust,        // the server's certificate is not accepted
  Server,       // any other refusal of the server
  Remote,       // the tunnel was ended by somebody else
  Port,         // the local API cannot listen
  Local,        // log, pid file, ready file
};

struct ExitCause {
  ExitClass exit_class = ExitClass::Clean;
  std::string sentence = {};  // empty with Clean
};

// What a REST call got instead of its answer.
struct RestProblem {
  int status = 0;  // 0: no HTTP answer
  ErrorKind kind = ErrorKind::System;
  std::string sentence = {};  // the server's own text, or what the network said
  Duration retry_after = Duration::zero();
};

int exit_code(ExitClass exit_class);
// Of the older client: the same, but for 8 when the tunnel was ended from elsewhere.
int legacy_exit_code(ExitClass exit_class);
std::string_view to_text(ExitClass exit_class);

// Worth another try: no answer, 408, 429 and 5xx. Not: certificates, refusals.
bool is_transient(const RestProblem& problem);
// 400 with the text of the account's tunnel limit.
bool is_quota(const RestProblem& problem);
// `step`: "create tunnel", "check for updates", ...
ExitCause cause_of(std::string_view step, const RestProblem& problem, std::string_view user);

}  // namespace scpool::worker
