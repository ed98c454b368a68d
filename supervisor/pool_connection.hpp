// How a verb talks to its supervisor: finds the socket, asks, and turns what goes wrong into the
// exit codes of design section 5. Not in the layout's list: shared by the verbs.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "supervisor/command_line.hpp"
#include "supervisor/io/control_client.hpp"
#include "supervisor/status_table.hpp"

namespace scpool::supervisor {

class PoolConnection {
 public:
  static Result<PoolConnection> open(const Settings& settings);

  // The body of a successful answer; an error's kind says which exit code fits.
  Result<std::string> get(const std::string& path);
  Result<std::string> get(const std::string& path, Duration timeout);
  Result<std::string> post(const std::string& path, const std::string& body);
  Result<StatusFacts> status();

 private:
  PoolConnection(std::string pool, std::unique_ptr<ControlClient> client)
      : pool_(std::move(pool)), client_(std::move(client)) {}
  Result<std::string> call(const std::string& method,
                           const std::string& path,
                           const std::string& body,
                           Duration timeout);

  std::string pool_;  // as it was named; may be empty
  std::unique_ptr<ControlClient> client_;
};

// The body of /v1/restart. Invalid: a word is no slot number.
Result<std::string> restart_body(std::span<const std::string> slots,
                                 bool at_once,
                                 Duration older_than);

// Complains and gives the exit code that fits.
ExitCode failed(const Error& error);
// The sentence of a command's answer.
std::string answer_message(const std::string& json);

}  // namespace scpool::supervisor
