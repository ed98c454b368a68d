// Two programs of sc-pool compare what they make of one pool, before one takes it over from the
// other. Changes nothing. Not in the layout's list: `upgrade` asks and answers alike.
#pragma once

#include "supervisor/io/handover.hpp"
#include "supervisor/pool_setup.hpp"

namespace scpool::supervisor {

// Of all that the configuration is read from: file, flags, environment, access key.
std::uint64_t config_fingerprint(const Invocation& invocation,
                                 const std::string& config_file,
                                 const Secret& access_key);

// What this program would do first.
std::vector<std::string> first_steps(const Handover& handover, const PoolConfig& config);

// The new program's side: prints its answer on one line, or complains and says no.
ExitCode answer_upgrade_check(const Invocation& invocation,
                              const LoadedConfig& loaded,
                              const PoolDirectories& directories);

}  // namespace scpool::supervisor
