#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "common/config/file_formats.hpp"

namespace scpool {
namespace {

class YamlFlattener {
 public:
  explicit YamlFlattener(const std::string& path) : path_(path) {}

  Result<void> add(const YAML::Node& node, const std::string& key, int depth);
  std::vector<FileEntry> entries;

 private:
  Result<void> add_map(const YAML::Node& map, const std::string& prefix, int depth);
  Result<void> add_list(const YAML::Node& list, const std::string& key, int depth);
  Result<void> push(FileEntry entry);
  Error problem(const YAML::Node& node, const std::string& sentence) const;

  const std::string& path_;
};

// Documents are only counted.
class EventSink : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnAlias(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnScalar(const YAML::Mark& /*mark*/,
                const std::string& /*tag*/,
                YAML::anchor_t /*anchor*/,
                const std::string& /*value*/) override {}
  void OnSequenceStart(const YAML::Mark& /*mark*/,
                       const std::string& /*tag*/,
                       YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& /*mark*/,
                  const std::string& /*tag*/,
                  YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {}
  void OnMapEnd() override {}
};

// Whether anything follows the first document. YAML::LoadAll would do, but yaml-cpp 0.7 makes
// documents of a stray "," or "]" without end.
bool has_more_documents(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  EventSink sink;
  return parser.HandleNextDocument(sink) && parser.HandleNextDocument(sink);
}

int line_of(const YAML::Node& node) {
  return node.Mark().line + 1;
}

// Quoted scalars have the tag "!"; plain ones are texts when they are neither number nor boolean.
bool is_text(const YAML::Node& scalar) {
  constexpr std::array<std::string_view, 6> kTruths = {
      "true", "True", "TRUE", "false", "False", "FALSE"};
  const std::string& text = scalar.Scalar();
  if (scalar.Tag() == "!" || std::find(kTruths.begin(), kTruths.end(), text) != kTruths.end()) {
    return scalar.Tag() == "!";
  }
  return text.find_first_not_of("0123456789.-+") != std::string::npos ||
         text.find_first_of("0123456789") == std::string::npos;
}

Error YamlFlattener::problem(const YAML::Node& node, const std::string& sentence) const {
  return {ErrorKind::Invalid, path_ + ":" + std::to_string(line_of(node)) + ": " + sentence};
}

Result<void> YamlFlattener::push(FileEntry entry) {
  entries.push_back(std::move(entry));
  if (entries.size() > kMaxConfigEntries) {
    return Error(ErrorKind::Invalid, path_ + ": too many keys");
  }
  return {};
}

Result<void> YamlFlattener::add_map(const YAML::Node& map, const std::string& prefix, int depth) {
  for (const auto& member : map) {
    if (!member.first.IsScalar()) {
      return problem(member.first, "a key must be a single word");
    }
    const std::string& name = member.first.Scalar();
    const std::string key = prefix.empty() ? name : prefix + "." + name;
    if (auto added = add(member.second, key, depth + 1); !added) {
      return added;
    }
  }
  return {};
}

Result<void> YamlFlattener::add_list(const YAML::Node& list, const std::string& key, int depth) {
  const bool nested = std::any_of(list.begin(), list.end(), [](const YAML::Node& element) {
    return element.IsMap() || element.IsSequence();
  });
  if (nested) {
    std::size_t index = 0;
    for (const YAML::Node& element : list) {
      if (auto added = add(element, key + "[" + std::to_string(index++) + "]", depth + 1); !added) {
        return added;
      }
    }
    return {};
  }
  FileEntry entry{key, {}, true, true, line_of(list)};
  for (const YAML::Node& element : list) {
    if (element.IsScalar()) {
      entry.values.push_back(element.Scalar());
      entry.is_text = entry.is_text && is_text(element);
    }
  }
  return push(std::move(entry));
}

Result<void> YamlFlattener::add(const YAML::Node& node, const std::string& key, int depth) {
  if (depth > kMaxConfigDepth) {
    return problem(node, "too deeply nested");
  }
  if (node.IsMap()) {
    return add_map(node, key, depth);
  }
  if (key.empty() && !node.IsNull()) {
    return problem(node, "expected 'key: value' lines");
  }
  if (node.IsSequence()) {
    return add_list(node, key, depth);
  }
  if (node.IsScalar()) {
    return push({key, {node.Scalar()}, false, is_text(node), line_of(node)});
  }
  return {};  // "key:" without a value is a key that is not given
}

}  // namespace

Result<std::vector<FileEntry>> parse_yaml(const std::string& path, std::string_view text) {
  YamlFlattener flattener(path);
  try {
    // yaml-cpp closes an open quote at the end of the text by itself; the end marker makes it an
    // error, "illegal document indicator in scalar".
    const std::string ended = std::string(text) + "\n...\n";
    if (has_more_documents(ended)) {
      return Error(ErrorKind::Invalid,
                   path + ": more than one YAML document, or a stray ',', ']' or '}'");
    }
    if (auto added = flattener.add(YAML::Load(ended), "", 0); !added) {
      return added.error();
    }
  } catch (const YAML::Exception& exception) {
    const bool open_quote = exception.msg == YAML::ErrorMsg::DOC_IN_SCALAR;
    return Error(ErrorKind::Invalid,
                 path + ":" + std::to_string(exception.mark.line + 1) + ": " +
                     (open_quote ? "a quote is opened before here and not closed" : exception.msg));
  }
  return std::move(flattener.entries);
}

}  // namespace scpool
