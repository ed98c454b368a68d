// The command line of Sauce Connect 4 (4.9) for `sc-worker legacy`: its flags, variables and keys,
// and their conversion into the settings of `run`. What cannot be converted is an error that says
// what to use instead; what has no meaning here any more is accepted and does nothing. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/result.hpp"
#include "common/config/flag_table.hpp"
#include "common/config/settings.hpp"

namespace scpool::worker {

using EnvironmentReader = std::function<std::optional<std::string>(const std::string&)>;

FlagTable legacy_flag_table();

// "-v", "-vv" and a bare "--verbose" as "--verbose=N", which is what a parser of values
// understands.
std::vector<std::string> with_counted_verbosity(std::vector<std::string> words);

using RunFlags = std::vector<std::pair<std::string, std::string>>;
// Flags of `run` with the same meaning, or all problems at once.
std::variant<RunFlags, std::vector<Error>> run_flags(const Settings& legacy,
                                                     const EnvironmentReader& environment);

// The pid file and the log of a program that was told neither: in the directory for temporary files
// (TMPDIR), named for the tunnel.
RunFlags default_paths(const Settings& legacy, const EnvironmentReader& environment);

// The flags as a YAML file for `run --config-file`.
std::string config_file_text(const RunFlags& flags);

// "*.example.com", ".example.com" or "example.com" as a regular expression on the host.
std::string host_expression(const std::string& glob);

}  // namespace scpool::worker
