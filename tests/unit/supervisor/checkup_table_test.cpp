#include "supervisor/checkup_table.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/base/text.hpp"

using namespace scpool::supervisor;

TEST_CASE("checks are shown with sign and mend, never wider than 100 columns") {
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  const Terminal terminal(nowhere);
  const std::string text = checkup_table({{"config", Verdict::Passed, "right", ""},
                                          {"dns", Verdict::Skipped, "an address", ""},
                                          {"server",
                                           Verdict::Failed,
                                           "two\r\nlines " + std::string(250, 'x'),
                                           "mend " + std::string(150, 'y')}},
                                         terminal);
  close(nowhere);
  CHECK(text.starts_with("✓ config           right\n– dns              an address\n✗ server "));
  CHECK(text.find("→ mend") != std::string::npos);
  CHECK(text.find('\r') == std::string::npos);
  CHECK(text.ends_with("\n1 check failed.\n"));
  for (const std::string_view line : scpool::split(text, '\n')) {
    CHECK(display_width(line) <= 100);
  }
}
