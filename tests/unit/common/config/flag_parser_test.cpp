#include "common/config/flag_parser.hpp"

#include <doctest/doctest.h>

#include "tests/unit/common/config/sample_table.hpp"

using namespace scpool;

namespace {

using Words = std::vector<std::string>;
using Flags = std::vector<std::pair<std::string, std::string>>;

ParsedFlags parsed(const Words& words) {
  auto result = parse_flags(sample_table(), words);
  if (const auto* problems = std::get_if<std::vector<Error>>(&result)) {
    FAIL(problems->front().sentence());
  }
  return std::get<ParsedFlags>(std::move(result));
}

Words problems(const Words& words) {
  const auto result = parse_flags(sample_table(), words);
  Words sentences;
  if (const auto* errors = std::get_if<std::vector<Error>>(&result)) {
    for (const Error& error : *errors) {
      sentences.push_back(error.sentence());
    }
  }
  return sentences;
}

}  // namespace

TEST_CASE("long flags with an equals sign or a space") {
  CHECK(parsed({"--username=me", "--access-key", "k=1", "--username="}).flags ==
        Flags{{"username", "me"}, {"access-key", "k=1"}, {"username", ""}});
}

TEST_CASE("short flags apart, attached, with an equals sign and joined") {
  CHECK(parsed({"-u", "me", "-kkey", "-u=you", "-st", "-tu", "x", "-tF-y"}).flags ==
        Flags{{"username", "me"},
              {"access-key", "key"},
              {"username", "you"},
              {"shared", "true"},
              {"tunnel-pool", "true"},
              {"tunnel-pool", "true"},
              {"username", "x"},
              {"tunnel-pool", "true"},
              {"deny-domains", "-y"}});
}

TEST_CASE("bare booleans are true, others say what they are") {
  CHECK(parsed({"--tunnel-pool", "--shared=false", "-t=false"}).flags ==
        Flags{{"tunnel-pool", "true"}, {"shared", "false"}, {"tunnel-pool", "false"}});
}

TEST_CASE("a value may begin with a dash") {
  CHECK(parsed({"--deny-domains", "-internal", "-F", "-x"}).flags ==
        Flags{{"deny-domains", "-internal"}, {"deny-domains", "-x"}});
}

TEST_CASE("words stay words, and all of them behind a double dash") {
  const ParsedFlags flags = parsed({"run", "-u", "me", "-", "--", "--username", "-x"});
  CHECK(flags.words == Words{"run", "-", "--username", "-x"});
  CHECK(flags.flags == Flags{{"username", "me"}});
}

TEST_CASE("help is seen wherever it stands") {
  CHECK(parsed({"-u", "me", "--help"}).help);
  CHECK(parsed({"-th"}).help);
  CHECK_FALSE(parsed({"--", "--help"}).help);
}

TEST_CASE("all problems are told at once, with the flag that was probably meant") {
  CHECK(problems({"--tunel-pool", "--zzz=1", "-x", "-access-key=y", "--log-level"}) ==
        Words{"unknown flag --tunel-pool: did you mean --tunnel-pool?",
              "unknown flag --zzz",
              "unknown flag -x",
              "unknown flag -access-key: did you mean --access-key?",
              "--log-level needs a value"});
  CHECK(problems({"--username", "--tunnel-pool"}) ==
        Words{"--username needs a value; the next word is the flag --tunnel-pool"});
  CHECK(problems({"-u"}) == Words{"-u needs a value"});
}
