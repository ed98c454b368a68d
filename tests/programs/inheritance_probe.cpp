// A child for the tests of spawning. `report` prints as "key value" lines what it was given;
// `exit N`, `die N`, `wait` and `family` (waits with a child of its own) end in their own ways.
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <set>
#include <string>

namespace {

void print_descriptors() {
  DIR* folder = opendir("/proc/self/fd");
  std::set<int> numbers;
  while (const dirent* entry = readdir(folder)) {
    if (entry->d_name[0] != '.' && std::atoi(entry->d_name) != dirfd(folder)) {
      numbers.insert(std::atoi(entry->d_name));
    }
  }
  closedir(folder);
  for (const int number : numbers) {
    std::cout << "descriptor " << number << '\n';
  }
  struct stat standard_input {};
  struct stat null {};
  fstat(STDIN_FILENO, &standard_input);
  stat("/dev/null", &null);
  std::cout << "input " << (standard_input.st_rdev == null.st_rdev ? "null" : "other") << '\n';
}

void print_signals() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("SigBlk:") || line.starts_with("SigIgn:") || line.starts_with("SigCgt:")) {
      std::cout << line.substr(0, 6) << ' ' << line.substr(line.find_last_of("\t ") + 1) << '\n';
    }
  }
}

void report(int argc, char** argv) {
  print_descriptors();
  print_signals();
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  char directory[4096] = {};
  std::cout << "leader " << (getsid(0) == getpid() && getpgid(0) == getpid() ? "yes" : "no") << '\n'
            << "files " << files.rlim_cur << '\n'
            << "directory " << getcwd(directory, sizeof directory) << '\n';
  for (char** line = environ; *line != nullptr; ++line) {
    std::cout << "environment " << *line << '\n';
  }
  for (int i = 1; i < argc; ++i) {
    std::cout << "argument " << argv[i] << '\n';
  }
  std::cerr << "to standard error\n";
}

}  // namespace

int main(int argc, char** argv) {
  const std::string wish = argc > 1 ? argv[1] : "report";
  const int number = argc > 2 ? std::atoi(argv[2]) : 0;
  if (wish == "exit") {
    return number;
  }
  if (wish == "die") {
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    kill(getpid(), number);
    pause();
  }
  if (wish == "family" && fork() != 0) {
    std::cout << "parent\n" << std::flush;
    pause();
  }
  if (wish == "wait" || wish == "family") {
    std::cout << "waiting\n" << std::flush;
    pause();
  }
  report(argc, argv);
  return 0;
}
