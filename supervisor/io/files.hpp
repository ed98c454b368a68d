// Directories and small files of the supervisor: made private, proven writable, secrets refused
// when others may read them. Not in the layout's list: `up`, the state and the embedded server
// share it.
#pragma once

#include <string>

#include "common/base/result.hpp"
#include "common/base/secret.hpp"

namespace scpool::supervisor {

// Mode 0700, with its parents (root's: 0755); an existing one keeps its mode. The error names the
// directory and, when it cannot be written to, says so.
Result<void> make_private_directory(const std::string& path);
// Denied: group or others may read it. Trailing line ends are cut.
Result<Secret> read_secret_file(const std::string& path);
// Of systemd's LoadCredential=. Who may read it is the service manager's care: it grants access by
// an ACL, whose mask looks like a group's right in the mode.
Result<Secret> read_credential(const std::string& directory, const std::string& name);
// The whole text, mode 0600, through to the disk; nothing is left of a failure.
enum class Durability { Process, Machine };  // what the file outlives
Result<void> write_private_file(const std::string& path,
                                const std::string& text,
                                Durability durability = Durability::Machine);
// Tells one file at a path from the next: device, inode, size, time of change. Empty: none there.
std::string file_mark(const std::string& path);
bool file_exists(const std::string& path);
// Removes an empty directory; anything else stays.
void remove_empty_directory(const std::string& path);

}  // namespace scpool::supervisor
