#include "supervisor/core/program_version.hpp"

#include <doctest/doctest.h>

namespace scpool::supervisor {

TEST_CASE("versions as programs print them") {
  CHECK(parse_program_version("Version:\t5.2.1\nGo Version: go1.23.4") == ProgramVersion{5, 2, 1});
  CHECK(parse_program_version("Sauce Connect 4.9.2, build 5 -n +dirty") == ProgramVersion{4, 9, 2});
  CHECK(parse_program_version("sc v4.8") == ProgramVersion{4, 8, 0});
  CHECK(parse_program_version("build 17 of 4.6.5.1") == ProgramVersion{4, 6, 5});
  CHECK_FALSE(parse_program_version("build 17"));
  CHECK_FALSE(parse_program_version("5."));
  CHECK_FALSE(parse_program_version("99999999999.1"));
  CHECK_FALSE(parse_program_version(""));
}

TEST_CASE("versions are ordered by their parts") {
  CHECK(ProgramVersion{4, 10, 0} > ProgramVersion{4, 9, 2});
  CHECK(ProgramVersion{5, 1, 2}.text() == "5.1.2");
}

}  // namespace scpool::supervisor
