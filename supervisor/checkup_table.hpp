// The checks of `doctor` as people read them: one line each, wrapped at 100 columns, and the mend
// below what failed. Not in the layout's list.
#pragma once

#include <string>
#include <vector>

#include "supervisor/core/checkup.hpp"
#include "supervisor/terminal.hpp"

namespace scpool::supervisor {

std::string checkup_table(const std::vector<Check>& checks, const Terminal& terminal);

}  // namespace scpool::supervisor
