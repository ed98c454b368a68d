// Keeps the layers apart by reading the sources: who may include whom, what the pure folders may
// touch, and how large a file may grow. The list of exceptions names its reasons.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include "tests/architecture/source_tree.hpp"

namespace scpool::architecture {
namespace {

constexpr std::size_t kMaxHeaderLines = 150;
constexpr std::size_t kMaxSourceLines = 400;
constexpr std::size_t kMaxFunctionLines = 60;

const std::vector<SourceFile>& sources() {
  static const std::vector<SourceFile> files = product_sources();
  return files;
}

// Each folder and the folders of ours that it may include.
const std::map<std::string, std::set<std::string>>& allowed_includes() {
  static const std::map<std::string, std::set<std::string>> allowed = [] {
    std::map<std::string, std::set<std::string>> layers;
    const std::set<std::string> base = {"common/base"};
    const std::set<std::string> pure = {
        "common/base", "common/config", "common/http", "common/tunnel"};
    std::set<std::string> all_common = pure;
    all_common.insert({"common/tls", "common/h2", "common/io"});
    layers["common/base"] = base;
    layers["common/config"] = {"common/base", "common/config"};
    layers["common/http"] = {"common/base", "common/http"};
    layers["common/tunnel"] = {"common/base", "common/http", "common/tunnel"};
    layers["common/tls"] = {"common/base", "common/tls"};
    layers["common/h2"] = {"common/base", "common/http", "common/h2"};
    layers["common/io"] = all_common;
    for (const std::string program : {"supervisor", "worker", "server"}) {
      layers[program + "/core"] = pure;
      layers[program + "/core"].insert(program + "/core");
      layers[program + "/io"] = all_common;
      layers[program + "/io"].insert({program + "/core", program + "/io"});
      layers[program] = layers[program + "/io"];
      layers[program].insert(program);
    }
    return layers;
  }();
  return allowed;
}

bool is_pure(const SourceFile& file) {
  const std::string folder = file.folder();
  return folder.ends_with("/core") || folder == "common/base" || folder == "common/config" ||
         folder == "common/http" || folder == "common/tunnel";
}

// Files that may do what their folder may not, and why.
const std::map<std::string, std::string>& outside_exceptions() {
  static const std::map<std::string, std::string> exceptions = {
      {"common/base/random.cpp", "the one source of secrets asks the system (getrandom)"},
      {"common/http/field_rules.cpp", "Sec-WebSocket-Accept is a SHA-1 (RFC 6455)"},
      {"common/base/json.hpp", "the JSON value, declared not to be compiled by every source anew"},
      {"common/base/json_text.hpp",
       "forward declarations of the JSON value, known to sources alone"},
      {"common/io/uv_handle.hpp", "the ownership of libuv handles, shared by sources of common/io"},
  };
  return exceptions;
}

bool is_excepted(const SourceFile& file) {
  return outside_exceptions().contains(file.path);
}

bool is_system_header(const std::string& include) {
  static const std::regex outside(
      R"(<(uv\.h|openssl/.*|nghttp2/.*|curl/.*|unistd\.h|sys/.*|netinet/.*|arpa/.*|netdb\.h|poll\.h|)"
      R"(fcntl\.h|signal\.h|csignal|sqlite3\.h|systemd/.*|thread|mutex|filesystem|fstream|iostream)>)");
  return std::regex_match(include, outside);
}

bool is_third_party(const std::string& include) {
  static const std::regex standard(R"(<[a-z_0-9]+>)");
  return include.starts_with('<') && !std::regex_match(include, standard);
}

std::vector<std::string> lines_with(const SourceFile& file, const std::regex& pattern) {
  std::vector<std::string> found;
  for (std::size_t i = 0; i < file.code.size(); ++i) {
    if (std::regex_search(file.code[i], pattern)) {
      found.push_back(file.path + ":" + std::to_string(i + 1) + ": " + file.lines[i]);
    }
  }
  return found;
}

void check_none(const std::vector<std::string>& places) {
  for (const std::string& place : places) {
    FAIL_CHECK(place);
  }
}

}  // namespace

TEST_CASE("the reader of sources finds them") {
  CHECK(sources().size() > 50);
  const auto text = std::find_if(sources().begin(), sources().end(), [](const SourceFile& file) {
    return file.path == "common/base/text.cpp";
  });
  REQUIRE(text != sources().end());
  CHECK(outer_functions(*text).size() > 10);
}

TEST_CASE("includes go downward only") {
  for (const SourceFile& file : sources()) {
    const auto layer = allowed_includes().find(file.folder());
    INFO(file.path);
    REQUIRE_MESSAGE(layer != allowed_includes().end(), "a folder without a layer");
    for (const std::string& include : file.includes()) {
      if (include.starts_with('<')) {
        continue;
      }
      const std::string folder = include.substr(1, include.rfind('/') - 1);
      CHECK_MESSAGE(layer->second.contains(folder), file.path << " includes " << include);
    }
  }
}

TEST_CASE("deciders, values and parsers touch nothing outside") {
  const std::regex clock_now(R"((system|steady|high_resolution)_clock::now|\btime\(nullptr\))");
  for (const SourceFile& file : sources()) {
    if (!is_pure(file) || is_excepted(file)) {
      continue;
    }
    for (const std::string& include : file.includes()) {
      CHECK_MESSAGE(!is_system_header(include), file.path << " includes " << include);
    }
    check_none(lines_with(file, clock_now));
  }
}

TEST_CASE("only common/io asks a clock") {
  const std::regex clock_now(R"((system|steady|high_resolution)_clock::now)");
  for (const SourceFile& file : sources()) {
    if (!file.is_under("common/io")) {
      check_none(lines_with(file, clock_now));
    }
  }
}

TEST_CASE("only common/io knows libuv") {
  for (const SourceFile& file : sources()) {
    for (const std::string& include : file.includes()) {
      CHECK_MESSAGE((file.is_under("common/io") || include != "<uv.h>"),
                    file.path << " includes " << include);
    }
  }
}

TEST_CASE("our headers include no third-party header") {
  for (const SourceFile& file : sources()) {
    if (!file.is_header() || is_excepted(file)) {
      continue;
    }
    for (const std::string& include : file.includes()) {
      CHECK_MESSAGE(!is_third_party(include), file.path << " includes " << include);
    }
  }
}

TEST_CASE("new and delete stand under common/io alone, shared ownership nowhere") {
  const std::regex raw_memory(R"(\bnew [A-Za-z_(]|\bdelete [a-z(*]|\bmalloc\(|\bfree\()");
  const std::regex shared(R"(\b(shared_ptr|weak_ptr|enable_shared_from_this)\b)");
  for (const SourceFile& file : sources()) {
    if (!file.is_under("common/io")) {
      check_none(lines_with(file, raw_memory));
    }
    check_none(lines_with(file, shared));
  }
}

TEST_CASE("our code does not throw, and catches only what a library throws") {
  const std::regex throwing(R"(\bthrow\b)");
  const std::regex catching(R"(\bcatch \()");
  const std::regex library(R"(<(nlohmann/.*|yaml-cpp/.*|CLI/.*|spdlog/.*)>)");
  for (const SourceFile& file : sources()) {
    check_none(lines_with(file, throwing));
    const std::vector<std::string> includes = file.includes();
    const bool uses_library =
        std::any_of(includes.begin(), includes.end(), [&](const std::string& include) {
          return std::regex_match(include, library);
        });
    if (!uses_library && !file.path.ends_with("/main.cpp")) {
      check_none(lines_with(file, catching));
    }
  }
}

TEST_CASE("files and functions stay small enough to read") {
  for (const SourceFile& file : sources()) {
    const std::size_t limit = file.is_header() ? kMaxHeaderLines : kMaxSourceLines;
    CHECK_MESSAGE(file.lines.size() <= limit,
                  file.path << " has " << file.lines.size() << " lines");
    for (const FunctionExtent& function : outer_functions(file)) {
      CHECK_MESSAGE(
          function.length <= kMaxFunctionLines,
          file.path << ":" << function.first_line << " is " << function.length << " lines long");
    }
  }
}

TEST_CASE("every header says first what it is for") {
  for (const SourceFile& file : sources()) {
    if (file.is_header()) {
      CHECK_MESSAGE(file.lines.at(0).starts_with("// "), file.path << " opens without a word");
    }
  }
}

TEST_CASE("every core source has its unit test") {
  for (const SourceFile& file : sources()) {
    if (file.is_header() || !file.folder().ends_with("/core")) {
      continue;
    }
    const std::string stem = file.path.substr(0, file.path.size() - 4);
    CHECK_MESSAGE(file_exists("tests/unit/" + stem + "_test.cpp"), file.path << " has no test");
  }
}

}  // namespace scpool::architecture
