#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "common/base/text.hpp"
#include "common/config/file_formats.hpp"
#include "common/config/settings.hpp"

namespace scpool {
namespace {

constexpr std::size_t kMaxConfigFile = 1024 * 1024;

std::string extension_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::size_t dot = path.rfind('.');
  const bool has_one = dot != std::string::npos && (slash == std::string::npos || dot > slash);
  return has_one ? to_lower(path.substr(dot + 1)) : "";
}

struct FileClose {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

Result<std::string> read_text(const std::string& path) {
  const std::unique_ptr<std::FILE, FileClose> file(std::fopen(path.c_str(), "re"));
  if (!file) {
    return Error::from_errno(errno, "configuration file " + path);
  }
  std::string text;
  std::array<char, 16 * 1024> block{};
  std::size_t count = 0;
  errno = 0;
  while ((count = std::fread(block.data(), 1, block.size(), file.get())) > 0) {
    text.append(block.data(), count);
    if (text.size() > kMaxConfigFile) {
      return Error(ErrorKind::Invalid, "configuration file " + path + ": larger than 1 MiB");
    }
  }
  if (std::ferror(file.get()) != 0) {
    return Error::from_errno(errno, "configuration file " + path);
  }
  return text;
}

}  // namespace

Result<std::vector<FileEntry>> read_config_file(const std::string& path) {
  const auto text = read_text(path);
  if (!text) {
    return text.error();
  }
  return parse_config_text(path, text.value());
}

Result<std::vector<FileEntry>> parse_config_text(const std::string& path, std::string_view text) {
  const std::string extension = extension_of(path);
  if (extension == "hcl" || extension == "properties") {
    return Error(ErrorKind::Invalid,
                 "configuration file " + path + ": ." + extension +
                     " is not read here; use TOML, YAML or JSON");
  }
  return extension == "toml" ? parse_toml(path, text) : parse_yaml(path, text);
}

}  // namespace scpool
