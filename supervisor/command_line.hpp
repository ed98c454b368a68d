// `sc-pool VERB …`: the verbs with their flags and words, their help, and which function runs each.
// Reads the command line; what a verb does is in the file of that verb.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/config/flag_table.hpp"
#include "common/config/settings.hpp"

namespace scpool::supervisor {

// Design section 5.
enum class ExitCode {
  Done = 0,
  Failed = 1,
  Usage = 2,
  NoSupervisor = 3,
  NotAtFullStrength = 4,
  DeadlinePassed = 5,
  RolloutStopped = 6,
};

// What was asked for, read and typed.
struct Invocation {
  std::string program;             // how sc-pool was called, for lines to paste
  Settings settings;               // of the verb's own flags
  std::vector<std::string> words;  // slots, a size, a subcommand
  // `up` and `config`: pool settings given as flags, under their dotted keys.
  std::vector<std::pair<std::string, std::string>> pool_flags;
  // `up` only: not to be done, but to say how it would go on with what this file hands over.
  std::string upgrade_check;
};

struct Verb {
  std::string name;
  std::string words;    // "[SLOT...]", for the help
  std::string summary;  // one sentence
  std::size_t most_words;
  FlagTable flags;
  bool takes_pool_settings;
  ExitCode (*run)(const Invocation&);
};

const std::vector<Verb>& verbs();

ExitCode run_command_line(const std::string& program, const std::vector<std::string>& words);

// "sc-pool: SENTENCE" on standard error; returns `code`.
ExitCode complain(ExitCode code, std::string_view sentence);
// The flag of a pool setting: "pool.size" is "size", "worker.log_level" is "worker-log-level".
std::string flag_of_setting(std::string_view key);
// The verb's own flags and, where it takes them, the pool's settings as flags; no secrets.
FlagTable all_flags(const Verb& verb);

}  // namespace scpool::supervisor
