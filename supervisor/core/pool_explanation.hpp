// Why a slot is as it is, in sentences for people: the state and its reason, the rule that holds
// now, the numbers behind it, and what comes next and when. Reads a snapshot. Not in the layout's
// list: `sc-pool explain SLOT`.
#pragma once

#include <string>

#include "supervisor/core/pool_policy.hpp"
#include "supervisor/core/pool_snapshot.hpp"

namespace scpool::supervisor {

// Every worker of the slot, then why it has none; a slot of which nothing is known gives a sentence
// that says so.
std::string explanation(SlotIndex slot,
                        const PoolSnapshot& pool,
                        const PoolPolicy& policy,
                        Instant now);

}  // namespace scpool::supervisor
