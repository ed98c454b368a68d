// What people see: plain lines, and one line that updates in place when standard output is a
// terminal. Colour on a terminal alone, never with NO_COLOR. Decides nothing about content. Not in
// the layout's list: every verb that shows something uses it.
#pragma once

#include <string>
#include <string_view>

namespace scpool::supervisor {

enum class Style { Plain, Good, Warning, Bad, Faint, Strong };

class Terminal {
 public:
  explicit Terminal(int descriptor);

  bool is_terminal() const { return is_terminal_; }
  std::size_t width() const;  // columns; 100 when it is not a terminal

  // The text with its colour, when there is colour.
  std::string styled(Style style, std::string_view text) const;
  // A finished line; the live line, if any, moves below it.
  void print(std::string_view line);
  // Replaces the line that updates in place; cut to the width. Nothing on what is no terminal.
  void show_live(std::string line);
  void clear_live();
  // Text as it is, in one write.
  void write(std::string_view text) const;

 private:
  int descriptor_;
  bool is_terminal_;
  bool colours_;
  std::string live_;
};

// `text` filled with blanks to `width` columns; escape sequences do not count, longer text is cut.
std::string padded(std::string_view text, std::size_t width);
// Columns the text takes: UTF-8 characters, without escape sequences.
std::size_t display_width(std::string_view text);
// At most `width` columns, the last one "…" when something was cut; escape sequences stay whole.
std::string cut_to(std::string_view text, std::size_t width);

}  // namespace scpool::supervisor
