#include "tests/architecture/source_tree.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace scpool::architecture {
namespace {

namespace fs = std::filesystem;

enum class Within { Code, LineComment, BlockComment, Text, Character };

// Blanks one character of a comment or literal; returns what the next character is within.
Within step(std::string& line, std::size_t& at, Within within) {
  const std::string_view rest = std::string_view(line).substr(at);
  if (within == Within::Code) {
    if (rest.starts_with("//") || rest.starts_with("/*")) {
      const Within next = rest[1] == '/' ? Within::LineComment : Within::BlockComment;
      line[at] = line[at + 1] = ' ';
      ++at;
      return next;
    }
    if (rest[0] == '"') {
      return Within::Text;
    }
    const bool digit_separator =
        at > 0 && std::isalnum(static_cast<unsigned char>(line[at - 1])) != 0;
    return rest[0] == '\'' && !digit_separator ? Within::Character : Within::Code;
  }
  if (within == Within::BlockComment && rest.starts_with("*/")) {
    line[at] = line[at + 1] = ' ';
    ++at;
    return Within::Code;
  }
  const char closing = within == Within::Text ? '"' : '\'';
  if ((within == Within::Text || within == Within::Character) && rest[0] == closing) {
    return Within::Code;
  }
  if (rest[0] == '\\' && rest.size() > 1 && within != Within::LineComment) {
    line[at + 1] = ' ';
  }
  if (rest[0] == '\\' && rest.size() > 1) {
    line[at] = ' ';
    ++at;
  } else {
    line[at] = ' ';
  }
  return within;
}

std::vector<std::string> without_comments_and_literals(std::vector<std::string> lines) {
  Within within = Within::Code;
  for (std::string& line : lines) {
    if (line.starts_with("#include")) {
      continue;
    }
    for (std::size_t at = 0; at < line.size(); ++at) {
      within = step(line, at, within);
    }
    if (within != Within::BlockComment) {
      within = Within::Code;
    }
  }
  return lines;
}

SourceFile read_source(const fs::path& top, const fs::path& path) {
  SourceFile file;
  file.path = fs::relative(path, top).generic_string();
  std::ifstream input(path);
  for (std::string line; std::getline(input, line);) {
    file.lines.push_back(line);
  }
  file.code = without_comments_and_literals(file.lines);
  return file;
}

bool opens_function(const std::string& line) {
  if (line.empty() || line[0] == ' ' || line[0] == '}' || line[0] == '#') {
    return false;
  }
  for (const char* other :
       {"namespace", "class ", "struct ", "enum ", "union ", "extern ", "using ", "template "}) {
    if (line.starts_with(other)) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool SourceFile::is_under(std::string_view folder) const {
  return path.starts_with(std::string(folder) + "/");
}

std::string SourceFile::folder() const {
  return path.substr(0, path.rfind('/'));
}

std::vector<std::string> SourceFile::includes() const {
  constexpr std::string_view kInclude = "#include ";
  std::vector<std::string> found;
  for (const std::string& line : lines) {
    if (line.starts_with(kInclude)) {
      const std::string rest = line.substr(kInclude.size());
      found.push_back(rest.substr(0, rest.find_first_of("\">", 1) + 1));
    }
  }
  return found;
}

std::vector<FunctionExtent> outer_functions(const SourceFile& file) {
  std::vector<FunctionExtent> functions;
  std::size_t start = 0;
  bool inside = false;
  for (std::size_t i = 0; i < file.code.size(); ++i) {
    const std::string& line = file.code[i];
    if (!inside && opens_function(line)) {
      start = i;
      inside = !line.ends_with(';') && !line.ends_with('}');
    } else if (inside && (line == "}" || line.starts_with("};"))) {
      functions.push_back({start + 1, i - start + 1});
      inside = false;
    } else if (inside && !line.empty() && line[0] != ' ' && line.ends_with(';')) {
      inside = false;
    }
  }
  return functions;
}

std::vector<SourceFile> product_sources() {
  const fs::path top = SCPOOL_SOURCE_DIR;
  std::vector<SourceFile> files;
  for (const char* folder : {"common", "supervisor", "worker", "server"}) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(top / folder)) {
      const std::string extension = entry.path().extension();
      if (extension == ".cpp" || extension == ".hpp") {
        files.push_back(read_source(top, entry.path()));
      }
    }
  }
  std::sort(files.begin(), files.end(), [](const SourceFile& left, const SourceFile& right) {
    return left.path < right.path;
  });
  return files;
}

bool file_exists(const std::string& path_from_top) {
  return fs::exists(fs::path(SCPOOL_SOURCE_DIR) / path_from_top);
}

}  // namespace scpool::architecture
