// The project's own sources as text, for tests that read them. Comments and literals are blanked in
// `code`, so that rules speak of code alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace scpool::architecture {

struct SourceFile {
  std::string path;  // from the top of the project, "common/base/text.cpp"
  std::vector<std::string> lines;
  std::vector<std::string> code;  // the same lines without comments and literals

  bool is_header() const { return path.ends_with(".hpp"); }
  bool is_under(std::string_view folder) const;
  // "common/io", "supervisor/core", "supervisor" for its top-level files.
  std::string folder() const;
  // What stands between the quotes or angle brackets of each #include, with the brackets.
  std::vector<std::string> includes() const;
};

struct FunctionExtent {
  std::size_t first_line = 0;  // from 1
  std::size_t length = 0;      // lines, signature and closing brace included
};

// Functions defined at the outermost indentation, as clang-format lays them out.
std::vector<FunctionExtent> outer_functions(const SourceFile& file);

// Every .cpp and .hpp of the product (tests left out).
std::vector<SourceFile> product_sources();

bool file_exists(const std::string& path_from_top);

}  // namespace scpool::architecture
