// The sixteen rules that always hold for a pool, by number and sentence (docs/ARCHITECTURE.md,
// "What a pool promises"). Each is one check in pool_rules.cpp; a report counts how often each was
// put to the test.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace scpool::simulation {

inline constexpr std::size_t kRules = 16;

inline constexpr std::array<std::string_view, kRules> kRuleSentences = {
    "Because of us never fewer than size - max_unavailable are ready, never more than size + "
    "max_surge active",
    "Replacement before removal: the new worker is ready before the old one drains",
    "A rollout whose replacement fails stops and keeps what serves",
    "Ready means that the worker says so and that the server shows it, unless REST is unreachable",
    "Workers are replaced at max age, never the whole pool at once",
    "The dead are started again after a back-off; only permanent causes fail, quota never does",
    "At most a share of the pool is ended for silence, and none when all are silent",
    "Every wait of a leaving worker has a deadline; KILL comes last",
    "Nothing leaks: processes, tunnels; foreign tunnels are never touched",
    "A foreign tunnel of our name without the pool flag is reported",
    "A supervisor takes back exactly the workers that live",
    "What an action needs to be remembered is written before it",
    "A working tunnel is never traded for a broken one; the capacity ledger tells what was lost",
    "A restart is a wished state: what started after the wish is left alone",
    "A cause of several slots is the pool's: one tries, and no cause is terminal",
    "Everything has a why: each slot is explained, each action reasoned, each end recorded",
};

using RuleCounts = std::array<std::uint64_t, kRules>;

}  // namespace scpool::simulation
