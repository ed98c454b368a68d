// toml++ 3.3 asserts what a malformed key ("[{x") breaks, and with NDEBUG even assumes it, just
// before it would report it. Its own checks are enough (fuzzed), so neither happens here.
#undef NDEBUG
#define TOML_ASSERT(expression) static_cast<void>(0)
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <algorithm>
#include <sstream>

#include "common/config/file_formats.hpp"

namespace scpool {
namespace {

class TomlFlattener {
 public:
  bool add_table(const toml::table& table, const std::string& prefix, int depth);
  std::vector<FileEntry> entries;

 private:
  bool add(const toml::node& node, const std::string& key, int depth);
  bool add_array(const toml::array& array, const std::string& key, int depth);
  bool push(FileEntry entry) {
    entries.push_back(std::move(entry));
    return entries.size() <= kMaxConfigEntries;
  }
};

int line_of(const toml::node& node) {
  return static_cast<int>(node.source().begin.line);
}

std::string text_of(const toml::node& node) {
  if (const auto* text = node.as_string()) {
    return text->get();
  }
  std::ostringstream stream;
  node.visit([&stream](const auto& value) { stream << value; });
  return stream.str();
}

bool TomlFlattener::add_table(const toml::table& table, const std::string& prefix, int depth) {
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    if (!add(node, prefix.empty() ? name : prefix + "." + name, depth + 1)) {
      return false;
    }
  }
  return true;
}

bool TomlFlattener::add_array(const toml::array& array, const std::string& key, int depth) {
  const bool nested = std::any_of(array.begin(), array.end(), [](const toml::node& node) {
    return node.is_table() || node.is_array();
  });
  if (nested) {
    for (std::size_t i = 0; i < array.size(); ++i) {
      if (!add(array[i], key + "[" + std::to_string(i) + "]", depth + 1)) {
        return false;
      }
    }
    return true;
  }
  FileEntry entry{key, {}, true, true, line_of(array)};
  for (const toml::node& node : array) {
    entry.values.push_back(text_of(node));
    entry.is_text = entry.is_text && node.is_string();
  }
  return push(std::move(entry));
}

bool TomlFlattener::add(const toml::node& node, const std::string& key, int depth) {
  if (depth > kMaxConfigDepth) {
    return false;
  }
  if (const auto* table = node.as_table()) {
    return add_table(*table, key, depth);
  }
  if (const auto* array = node.as_array()) {
    return add_array(*array, key, depth);
  }
  return push({key, {text_of(node)}, false, node.is_string(), line_of(node)});
}

}  // namespace

Result<std::vector<FileEntry>> parse_toml(const std::string& path, std::string_view text) {
  const toml::parse_result parsed = toml::parse(text, path);
  if (!parsed) {
    return Error(ErrorKind::Invalid,
                 path + ":" + std::to_string(parsed.error().source().begin.line) + ": " +
                     std::string(parsed.error().description()));
  }
  TomlFlattener flattener;
  if (!flattener.add_table(parsed.table(), "", 0)) {
    return Error(ErrorKind::Invalid, path + ": too many or too deeply nested keys");
  }
  // toml++ sorts by key; people read from the top.
  std::stable_sort(flattener.entries.begin(),
                   flattener.entries.end(),
                   [](const FileEntry& a, const FileEntry& b) { return a.line < b.line; });
  return std::move(flattener.entries);
}

}  // namespace scpool
