#include "supervisor/terminal.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>

using namespace scpool::supervisor;

TEST_CASE("columns are characters, not bytes or escape sequences") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("ä…✓") == 3);
  CHECK(display_width("\x1b[32mok\x1b[0m") == 2);
  CHECK(padded("ab", 4) == "ab  ");
  CHECK(padded("\x1b[1mab\x1b[0m", 4) == "\x1b[1mab\x1b[0m  ");
  CHECK(padded("abcdef", 4) == "abc…");
  CHECK(cut_to("abcd", 4) == "abcd");
  CHECK(cut_to("äöüß", 3) == "äö…");
  CHECK(cut_to("\x1b[31mabcdef\x1b[0m", 4) == "\x1b[31mabc\x1b[0m…");
  CHECK(cut_to("abc", 0).empty());
}

TEST_CASE("what is no terminal gets plain lines and no live line") {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  Terminal terminal(ends[1]);
  CHECK_FALSE(terminal.is_terminal());
  terminal.show_live("working");
  terminal.print(terminal.styled(Style::Good, "done"));
  terminal.clear_live();
  close(ends[1]);
  std::array<char, 64> buffer{};
  const ssize_t count = read(ends[0], buffer.data(), buffer.size());
  CHECK(std::string(buffer.data(), static_cast<std::size_t>(count)) == "done\n");
  close(ends[0]);
}
