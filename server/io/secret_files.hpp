// Small files that only their owner may read: keys, and what is made for the embedded server.
// (Not in the first layout: the shell, the embedded mode and `user add` share it.)
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/base/secret.hpp"

namespace scpool::server {

Result<void> make_private_directory(const std::string& path);  // 0700; fine when it exists
bool file_exists(const std::string& path);
// Without blanks at the end. Denied when others may read it.
Result<Secret> read_secret_file(const std::string& path);
// Written beside and renamed, 0600: readers see the old text or the new one.
Result<void> write_private_file(const std::string& path, std::string_view text);
// Reads it, or makes it of `bytes` random bytes in hexadecimal.
Result<Secret> secret_of_file(const std::string& path, std::size_t bytes);

}  // namespace scpool::server
