#include "common/io/process_memory.hpp"
#include "supervisor/command_line.hpp"
#include "supervisor/io/program_exchange.hpp"

int main(int count, char** arguments) {
  scpool::supervisor::accept_exchange();
  scpool::prepare_small_memory();
  const std::vector<std::string> words(arguments, arguments + count);
  const auto code = scpool::supervisor::run_command_line(
      words.empty() ? "sc-pool" : words.front(),
      words.empty() ? words : std::vector<std::string>(words.begin() + 1, words.end()));
  scpool::supervisor::give_back("it ended before it had confirmed");
  return static_cast<int>(code);
}
