#include "common/config/flag_text.hpp"

#include <doctest/doctest.h>

#include "common/base/text.hpp"
#include "tests/unit/common/config/sample_table.hpp"

using namespace scpool;

TEST_CASE("the help shows names, defaults, choices and variables, and nothing unsupported") {
  const std::string text = help_text(sample_table());
  CHECK(text.find(
            "  -u, --username TEXT                 What username is for. [SAUCE_USERNAME]\n") == 0);
  CHECK(text.find("      --tunnel-connections NUMBER     What tunnel-connections is for. Default: "
                  "4.\n                                      [SAUCE_TUNNEL_CONNECTIONS]\n") !=
        std::string::npos);
  CHECK(text.find("Choices: error, info, debug.") != std::string::npos);
  CHECK(text.find("  -F, --deny-domains TEXT,...") != std::string::npos);
  CHECK(text.find("  -t, --tunnel-pool   ") != std::string::npos);
  CHECK(text.find("--pac") == std::string::npos);
}

TEST_CASE("the help fits into 100 columns") {
  SettingSpec spec;
  spec.name = "a-flag-with-quite-a-long-name-indeed";
  for (int i = 0; i < 60; ++i) {
    spec.help += "word" + std::to_string(i) + " ";
  }
  const std::string text = help_text(FlagTable("SAUCE_", {spec}));
  CHECK(text.find("  --a-flag-with-quite-a-long-name-indeed TEXT\n") != std::string::npos);
  CHECK(split(text, '\n').size() > 6);
  for (const std::string_view line : split(text, '\n')) {
    CHECK(line.size() <= 100);
  }
}
