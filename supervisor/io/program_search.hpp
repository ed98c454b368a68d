// Where our own programs are: beside sc-pool first, then in PATH; a name with a slash is a path
// as it is. Not in the layout's list: worker_process and local_grid share it.
#pragma once

#include <string>

#include "common/base/result.hpp"

namespace scpool::supervisor {

// NotFound: the sentence says where it was looked for.
Result<std::string> find_program(const std::string& name);
// Of this process, by /proc.
std::string own_program();

}  // namespace scpool::supervisor
