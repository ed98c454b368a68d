// What `doctor` looks at on this host: directories, limits of open files, the API's address. Leaves
// nothing behind; judging is checkup's. Not in the layout's list.
#pragma once

#include <string>

#include "supervisor/core/checkup.hpp"

namespace scpool::supervisor {

// Writes a file into it and removes it; of a directory that is not there, tries its nearest parent.
DirectoryFinding look_at_directory(std::string name, std::string setting, std::string path);
// Of the supervisor and its workers; of this process when none runs.
FileLimitFinding look_at_file_limits(const std::optional<RunningPool>& pool, std::uint64_t wished);
// `configured` as in control.api_address. When a supervisor runs it is asked, otherwise the address
// is bound for a moment.
ApiAddressFinding look_at_api_address(const std::optional<RunningPool>& pool,
                                      const std::string& configured,
                                      Duration timeout);

}  // namespace scpool::supervisor
