#include "common/io/process_memory.hpp"
#include "supervisor/command_line.hpp"

int main(int count, char** arguments) {
  scpool::prepare_small_memory();
  const std::vector<std::string> words(arguments, arguments + count);
  return static_cast<int>(scpool::supervisor::run_command_line(
      words.empty() ? "sc-pool" : words.front(),
      words.empty() ? words : std::vector<std::string>(words.begin() + 1, words.end())));
}
