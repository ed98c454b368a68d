#include <string>
#include <vector>

#include "server/command_line.hpp"

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  return scpool::server::run_command_line(words);
}
