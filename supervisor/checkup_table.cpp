#include "supervisor/checkup_table.hpp"

#include <algorithm>

#include "common/base/text.hpp"

namespace scpool::supervisor {
namespace {

constexpr std::size_t kTableWidth = 100;
constexpr std::size_t kNameWidth = 17;
constexpr std::size_t kIndent = 2 + kNameWidth;  // sign, blank, name

// Broken at blanks; a longer word is broken where the line ends.
std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::vector<std::string> lines = {""};
  for (const std::string_view part : split(text, ' ')) {
    std::string word(part);
    if (!lines.back().empty() && display_width(lines.back()) + 1 + display_width(word) > width) {
      lines.emplace_back();
    }
    while (word.size() > width) {
      lines.back() = word.substr(0, width);
      lines.emplace_back();
      word.erase(0, width);
    }
    lines.back() += (lines.back().empty() ? "" : " ") + word;
  }
  return lines;
}

// Sentences of others (a server's, the system's) may hold line ends and control characters.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(),
      text.end(),
      [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; },
      ' ');
  return text;
}

std::string sign(Verdict verdict, const Terminal& terminal) {
  switch (verdict) {
    case Verdict::Passed:
      return terminal.styled(Style::Good, "✓");
    case Verdict::Failed:
      return terminal.styled(Style::Bad, "✗");
    case Verdict::Skipped:
      return terminal.styled(Style::Faint, "–");
  }
  return "";
}

std::string block(const std::string& first, const std::string& text) {
  const std::vector<std::string> lines = wrapped(text, kTableWidth - kIndent);
  return first + join(lines, "\n" + std::string(kIndent, ' ')) + "\n";
}

}  // namespace

std::string checkup_table(const std::vector<Check>& checks, const Terminal& terminal) {
  std::string text;
  std::size_t failures = 0;
  for (const Check& check : checks) {
    text += block(sign(check.verdict, terminal) + " " + padded(check.name, kNameWidth),
                  one_line(check.finding));
    if (check.verdict == Verdict::Failed) {
      ++failures;
      text += block(std::string(kIndent, ' '), "→ " + one_line(check.mend));
    }
  }
  return text + "\n" +
         (failures == 0
              ? terminal.styled(Style::Good, "Nothing is wrong.")
              : terminal.styled(Style::Bad,
                                std::to_string(failures) +
                                    (failures == 1 ? " check failed." : " checks failed."))) +
         "\n";
}

}  // namespace scpool::supervisor
