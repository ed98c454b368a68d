#include "common/config/settings.hpp"

#include <doctest/doctest.h>

#include "tests/support/temporary_directory.hpp"
#include "tests/unit/common/config/sample_table.hpp"

using namespace scpool;
using namespace std::chrono_literals;
using Source = SettingOrigin::Source;

namespace {

struct Sources {
  TemporaryDirectory directory;
  std::map<std::string, std::string> variables;
  SettingSources sources;

  Sources() {
    sources.environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
  }
  void file(std::string_view name, std::string_view text) {
    sources.file = directory.write(name, text);
  }
  Settings settings() const {
    auto loaded = Settings::load(sample_table(), sources);
    auto* problems = std::get_if<std::vector<Error>>(&loaded);
    if (problems != nullptr) {
      FAIL(problems->front().sentence());
    }
    return std::get<Settings>(std::move(loaded));
  }
  // The sentences, with the file's directory left out.
  std::vector<std::string> problems() const {
    auto loaded = Settings::load(sample_table(), sources);
    std::vector<std::string> sentences;
    if (const auto* errors = std::get_if<std::vector<Error>>(&loaded)) {
      for (const Error& error : *errors) {
        std::string sentence = error.sentence();
        const std::string prefix = directory.path("");
        for (auto at = sentence.find(prefix); at != std::string::npos; at = sentence.find(prefix)) {
          sentence.erase(at, prefix.size());
        }
        sentences.push_back(sentence);
      }
    }
    return sentences;
  }
};

using Sentences = std::vector<std::string>;

}  // namespace

TEST_CASE("flag over environment over file over default, each with its origin") {
  Sources given;
  given.file("worker.yaml",
             "username: file\naccess-key: file\ntunnel-connections: 8\nmax-body: 2M\n");
  given.variables = {{"SAUCE_USERNAME", "environment"}, {"SAUCE_TUNNEL_CONNECTIONS", "6"}};
  given.sources.flags = {{"username", "flag"}};
  const Settings settings = given.settings();
  CHECK(settings.text("username") == "flag");
  CHECK(settings.origin("username").source == Source::Flag);
  CHECK(settings.origin("username").text == "--username");
  CHECK(settings.count("tunnel-connections") == 6);
  CHECK(settings.origin("tunnel-connections").text == "SAUCE_TUNNEL_CONNECTIONS");
  CHECK(settings.size("max-body") == 2U * 1024 * 1024);
  CHECK(settings.origin("max-body").text == given.sources.file + ":4: max-body");
  CHECK(settings.duration("http-dial-timeout") == 25s);
  CHECK(settings.origin("http-dial-timeout").source == Source::Default);
  CHECK_FALSE(settings.given("http-dial-timeout"));
  CHECK(settings.given("access-key"));
  CHECK(settings.text("log-level") == "info");
  CHECK_FALSE(settings.is_on("shared"));
  CHECK(settings.list("deny-domains").empty());
}

TEST_CASE("lists are comma-separated, given several times, or lists in a file") {
  Sources flags;
  flags.sources.flags = {{"deny-domains", "a, b"}, {"deny-domains", "c"}, {"deny-domains", ""}};
  CHECK(flags.settings().list("deny-domains") == Sentences{"a", "b", "c"});

  Sources list;
  list.file("worker.yaml", "deny-domains:\n  - 'a,b'\n  - c\n");
  CHECK(list.settings().list("deny-domains") == Sentences{"a,b", "c"});

  Sources text;
  text.file("worker.yaml", "deny-domains: a,b\n");
  CHECK(text.settings().list("deny-domains") == Sentences{"a", "b"});

  Sources variable;
  variable.variables["SAUCE_DENY_DOMAINS"] = "x,y";
  CHECK(variable.settings().list("deny-domains") == Sentences{"x", "y"});
}

TEST_CASE("a stronger source replaces a list, it does not add to it") {
  Sources given;
  given.file("worker.yaml", "deny-domains: [a, b]\n");
  given.sources.flags = {{"deny-domains", "c"}};
  CHECK(given.settings().list("deny-domains") == Sentences{"c"});
}

TEST_CASE("of a single-valued flag given twice the last one counts") {
  Sources given;
  given.sources.flags = {{"username", "a"}, {"username", "b"}};
  CHECK(given.settings().text("username") == "b");
}

TEST_CASE("booleans in their spellings") {
  for (const char* yes : {"true", "1", "yes", "TRUE", "Yes"}) {
    Sources given;
    given.sources.flags = {{"tunnel-pool", yes}};
    CHECK(given.settings().is_on("tunnel-pool"));
  }
  for (const char* no : {"false", "0", "no"}) {
    Sources given;
    given.variables["SAUCE_TUNNEL_POOL"] = no;
    CHECK_FALSE(given.settings().is_on("tunnel-pool"));
    CHECK(given.settings().given("tunnel-pool"));
  }
}

TEST_CASE("an empty variable is no value") {
  Sources given;
  given.variables["SAUCE_TUNNEL_CONNECTIONS"] = "";
  CHECK(given.settings().count("tunnel-connections") == 4);
}

TEST_CASE("every problem is found at once, in the order flags, environment, file") {
  Sources given;
  given.file("pool.toml",
             "username = \"me\"\n"
             "log-level = \"inof\"\n"
             "[pool]\n"
             "sise = 3\n"
             "size = \"three\"\n");
  given.variables = {{"SAUCE_HTTP_DIAL_TIMEOUT", "5"}, {"SAUCE_PAC", "x"}};
  given.sources.flags = {{"pac", "file.pac"}, {"tunnel-pool", "maybe"}, {"usrname", "x"}};
  CHECK(
      given.problems() ==
      Sentences{"unknown flag --usrname: did you mean --username?",
                "--pac is not supported yet",
                "--tunnel-pool: must be true or false, not 'maybe'",
                "SAUCE_HTTP_DIAL_TIMEOUT: must be a duration such as 500ms, 30s or 1h30m, not '5'",
                "SAUCE_PAC is not supported yet",
                "pool.toml:2: log-level: must be one of error, info, debug, not 'inof': did you "
                "mean info?",
                "pool.toml:4: unknown key pool.sise: did you mean pool.size?",
                "pool.toml:5: pool.size: must be a number without quotes"});
}

TEST_CASE("a secret's value appears in no message") {
  FlagTable table("X_", {[] {
                    SettingSpec spec;
                    spec.name = "key";
                    spec.type = SettingType::Count;
                    spec.secret = true;
                    return spec;
                  }()});
  SettingSources sources;
  sources.flags = {{"key", "hunter2"}};
  const auto loaded = Settings::load(table, sources);
  const auto& problems = std::get<std::vector<Error>>(loaded);
  REQUIRE(problems.size() == 1);
  CHECK(problems.front().sentence() == "--key: must be a whole number, 0 or more");
}

TEST_CASE("types in TOML are strict, in YAML lenient") {
  Sources toml;
  toml.file("pool.toml",
            "username = 5\ntunnel-pool = \"true\"\nhttp-dial-timeout = 5\nmax-body = 4096\n"
            "tunnel-connections = -1\nlog-level = [\"info\"]\n");
  CHECK(toml.problems() ==
        Sentences{"pool.toml:1: username: must be a text in quotes",
                  "pool.toml:2: tunnel-pool: must be true or false without quotes",
                  "pool.toml:3: http-dial-timeout: must be a duration in quotes, such as \"30s\"",
                  "pool.toml:5: tunnel-connections: must be a whole number, 0 or more, not '-1'",
                  "pool.toml:6: log-level: must be one value, not a list"});
  Sources yaml;
  yaml.file("worker.yaml", "username: 12345\ntunnel-pool: \"true\"\ntunnel-connections: '7'\n");
  const Settings settings = yaml.settings();
  CHECK(settings.text("username") == "12345");
  CHECK(settings.is_on("tunnel-pool"));
  CHECK(settings.count("tunnel-connections") == 7);
}

TEST_CASE("an unsupported key in a file is refused by name, whatever its value") {
  Sources given;
  given.file("worker.yaml", "pac: [a, b]\n");
  CHECK(given.problems() == Sentences{"worker.yaml:1: pac is not supported yet"});
}

TEST_CASE("a key given twice is an error with both lines") {
  Sources given;
  given.file("worker.yaml", "username: a\nlog-level: info\nusername: b\n");
  CHECK(given.problems() == Sentences{"worker.yaml:3: username was given in line 1 already"});
}

TEST_CASE("keys with another reader are left alone") {
  Sources given;
  given.file("server.toml", "username = \"a\"\n[[account]]\nname = \"x\"\n");
  CHECK(given.problems() == Sentences{"server.toml:3: unknown key account[0].name"});
  given.sources.ignore_key = [](std::string_view key) { return key.starts_with("account["); };
  CHECK(given.problems().empty());
}

TEST_CASE("a missing file is one problem that names it") {
  Sources given;
  given.sources.file = given.directory.path("none.toml");
  CHECK(given.problems() == Sentences{"configuration file none.toml: No such file or directory"});
}

TEST_CASE("the redacted text shows values, origins and no secrets") {
  Sources given;
  given.sources.flags = {{"username", "me"}, {"access-key", "hunter2"}, {"deny-domains", "a,b"}};
  const std::string text = given.settings().redacted_text();
  CHECK(text.find("username: me   # --username\n") != std::string::npos);
  CHECK(text.find("access-key: ***   # --access-key\n") != std::string::npos);
  CHECK(text.find("deny-domains: a,b   # --deny-domains\n") != std::string::npos);
  CHECK(text.find("pool.size: 3   # default\n") != std::string::npos);
  CHECK(text.find("hunter2") == std::string::npos);
  CHECK(text.find("pac") == std::string::npos);
}
