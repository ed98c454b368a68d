#include <string>
#include <vector>

#include "worker/command_line.hpp"

int main(int count, char** words) {
  return scpool::worker::run_command_line({words + 1, words + count});
}
