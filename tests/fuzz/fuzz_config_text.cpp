// Configuration files: whatever is in one, there are entries with lines or an error that names the
// file. The first byte chooses the format.
#include <string>

#include "common/base/check.hpp"
#include "common/config/settings.hpp"

using namespace scpool;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string path = (data[0] & 1U) == 0 ? "f.toml" : "f.yaml";
  const auto entries = parse_config_text(path, text);
  if (!entries.ok()) {
    SCPOOL_CHECK(entries.error().sentence().starts_with(path));
    return 0;
  }
  for (const FileEntry& entry : entries.value()) {
    SCPOOL_CHECK(entry.line > 0);
    SCPOOL_CHECK(entry.is_list || entry.values.size() == 1);
  }
  return 0;
}
