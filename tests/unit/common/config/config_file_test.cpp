#include <doctest/doctest.h>

#include "common/config/settings.hpp"

using namespace scpool;

namespace {

std::vector<FileEntry> parsed(const std::string& path, std::string_view text) {
  auto entries = parse_config_text(path, text);
  if (!entries) {
    FAIL(entries.error().sentence());
  }
  return std::move(entries).value();
}

std::string problem(const std::string& path, std::string_view text) {
  const auto entries = parse_config_text(path, text);
  return entries.ok() ? "no problem" : entries.error().sentence();
}

// "key@line=value,value" with [] around lists and "" around texts.
std::string shown(const std::vector<FileEntry>& entries) {
  std::string text;
  for (const FileEntry& entry : entries) {
    std::string values;
    for (const std::string& value : entry.values) {
      values += (values.empty() ? "" : ",") + value;
    }
    if (entry.is_text) {
      values = "\"" + values + "\"";
    }
    text += entry.key + "@" + std::to_string(entry.line) + "=" +
            (entry.is_list ? "[" + values + "]" : values) + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("TOML flattens in the order of its lines") {
  CHECK(shown(parsed("p.toml",
                     "z = 1\n"
                     "a = \"x\"\n"
                     "on = true\n"
                     "[pool]\n"
                     "size = 3\n"
                     "names = [\"b\", \"a\"]\n"
                     "empty = []\n"
                     "[[account]]\n"
                     "name = \"n\"\n"
                     "[[account]]\n"
                     "name = \"m\"\n"
                     "limits = {tunnels = 5}\n")) ==
        "z@1=1\na@2=\"x\"\non@3=true\npool.size@5=3\npool.names@6=[\"b,a\"]\npool.empty@7=[\"\"]\n"
        "account[0].name@9=\"n\"\naccount[1].name@11=\"m\"\naccount[1].limits.tunnels@12=5\n");
}

TEST_CASE("YAML flattens alike, and knows numbers and booleans from texts") {
  CHECK(shown(parsed("p.yaml",
                     "# a comment\n"
                     "---\n"
                     "username: me\n"
                     "count: 4\n"
                     "quoted: \"4\"\n"
                     "on: true\n"
                     "norway: no\n"
                     "time: 30s\n"
                     "nothing:\n"
                     "list:\n"
                     "  - a.*\n"
                     "  - -b\n"
                     "flow: [x, y]\n"
                     "pool: {size: 3}\n")) ==
        "username@3=\"me\"\ncount@4=4\nquoted@5=\"4\"\non@6=true\nnorway@7=\"no\"\n"
        "time@8=\"30s\"\nlist@11=[\"a.*,-b\"]\nflow@13=[\"x,y\"]\npool.size@14=3\n");
}

TEST_CASE("JSON is read with its lines") {
  CHECK(
      shown(parsed("p.json",
                   "{\n\t\"username\": \"me\\u00e9\\\"\",\n  \"tunnel-pool\": true,\n"
                   "  \"deny-domains\": [\"a\", \"b\"],\n  \"n\": null,\n"
                   "  \"pool\": {\"size\": 3}\n}\n")) ==
      "username@2=\"me\xc3\xa9\"\"\ntunnel-pool@3=true\ndeny-domains@4=[\"a,b\"]\npool.size@6=3\n");
}

TEST_CASE("a file without an extension is YAML; formats that are not read say so") {
  CHECK(shown(parsed("/etc/dir.toml/config", "a: b\n")) == "a@1=\"b\"\n");
  CHECK(problem("sc.hcl", "a = 1") ==
        "configuration file sc.hcl: .hcl is not read here; use TOML, YAML or JSON");
}

TEST_CASE("empty files have no entries") {
  CHECK(parsed("p.yaml", "").empty());
  CHECK(parsed("p.yaml", "# only a comment\n").empty());
  CHECK(parsed("p.toml", "").empty());
}

TEST_CASE("syntax errors name file and line") {
  CHECK(problem("p.toml", "a = 1\nb = \n").find("p.toml:2: ") == 0);
  CHECK(problem("p.toml", "a = 1\na = 2\n").find("p.toml:2: ") == 0);
  CHECK(problem("p.toml", "a = caf\xc3\xa9\n").find("p.toml:1: ") == 0);
  CHECK(problem("p.toml", "a = 1\nb = \xcf\xad\n").find("p.toml:2: ") == 0);
  CHECK(problem("p.toml", "\xc3\xa4 = 1\n").find("p.toml:1: ") == 0);
  CHECK(problem("p.toml", "a = 1\n[{b = 2}\n").find("p.toml:2: ") == 0);
  CHECK(problem("p.yaml", "a: 1\nb: [1, 2\nc: 3\n").find("p.yaml:") == 0);
  CHECK(problem("p.yaml", "a: \"open\nb: 1\n") ==
        "p.yaml:4: a quote is opened before here and not closed");
  CHECK(problem("p.json", "{\"a\": 1,\n \"b\": [}\n").find("p.json:2: ") == 0);
  CHECK(problem("p.yaml", "just words\n") == "p.yaml:1: expected 'key: value' lines");
  CHECK(problem("p.yaml", "- a\n- b\n") == "p.yaml:1: expected 'key: value' lines");
  CHECK(problem("p.yaml", "a: 1\n---\nb: 2\n") ==
        "p.yaml: more than one YAML document, or a stray ',', ']' or '}'");
  for (const char* stray : {",", "]", "}", ",a: 1\n"}) {
    CAPTURE(stray);
    CHECK(problem("p.yaml", stray).find("p.yaml:") == 0);
  }
}

TEST_CASE("aliases that multiply end at the bound, not in memory") {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, {k: 1}]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 9; ++j) {
      bomb += before + ", ";
    }
    bomb += before + "]\n";
  }
  CHECK(problem("p.yaml", bomb) == "p.yaml: too many keys");
  CHECK(problem("p.toml", "a = " + std::string(200, '[') + std::string(200, ']')) != "no problem");
  CHECK(problem("p.yaml", "a: " + std::string(200, '[') + std::string(200, ']')) != "no problem");
}
