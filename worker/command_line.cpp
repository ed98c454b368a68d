#include "worker/command_line.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <utility>
#include <variant>

#include "common/base/text.hpp"
#include "common/config/flag_parser.hpp"
#include "common/config/flag_text.hpp"
#include "common/config/settings.hpp"
#include "worker/core/legacy_flags.hpp"
#include "worker/io/pid_file.hpp"
#include "worker/worker.hpp"

namespace scpool::worker {

namespace {

constexpr std::string_view kProgram = "sc-worker";

// Whose command line it is spoken to in: Sauce Connect 5's (`run`) or 4's (`legacy`).
enum class Dialect { Five, Four };

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void complain(std::string_view text) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
}

int usage_problems(const std::vector<Error>& problems) {
  for (const Error& problem : problems) {
    complain(std::string(kProgram) + ": " + problem.sentence());
  }
  return exit_code(ExitClass::Usage);
}

int usage_problem(const std::string& sentence) {
  return usage_problems({Error(ErrorKind::Invalid, sentence)});
}

std::string usage_text() {
  return "sc-worker: holds one tunnel between a test cloud and the sites it can reach\n"
         "\n"
         "Usage:\n"
         "  sc-worker [run] [flags]             start a tunnel\n"
         "  sc-worker legacy [flags]            the same, with the flags of Sauce Connect 4\n"
         "  sc-worker version                   what this program is\n"
         "  sc-worker completion bash|zsh|fish  a script for shell completion\n"
         "  sc-worker help [run|legacy]         this text, or the flags of that command\n"
         "\n"
         "Each flag may be given as SAUCE_NAME in the environment or as its long name in the file\n"
         "of --config-file; flags win over the environment, the environment over the file.\n";
}

int print_version() {
  print(version_text());
  return 0;
}

int print_help(const std::vector<std::string>& words) {
  print(usage_text());
  const std::string command = words.empty() ? "" : words.front();
  if (command == "run" || command == "legacy") {
    print("\nFlags:\n" + help_text(command == "run" ? worker_flag_table() : legacy_flag_table()));
  }
  return 0;
}

int print_completion(const std::vector<std::string>& words) {
  const std::string shell = words.empty() ? "" : words.front();
  const std::optional<Shell> known = shell == "bash"   ? std::optional{Shell::Bash}
                                     : shell == "zsh"  ? std::optional{Shell::Zsh}
                                     : shell == "fish" ? std::optional{Shell::Fish}
                                                       : std::nullopt;
  if (!known || words.size() != 1) {
    return usage_problem("completion: say for which shell: bash, zsh or fish");
  }
  const FlagTable table = worker_flag_table();
  const FlagTable older = legacy_flag_table();
  const std::vector<CompletionCommand> commands = {
      {"run", "start a tunnel", &table},
      {"legacy", "start one with the flags of Sauce Connect 4", &older},
      {"version", "what this program is", nullptr},
      {"completion", "a script for shell completion", nullptr},
      {"help", "how to use this program", nullptr},
  };
  print(completion_script(*known, kProgram, commands));
  return 0;
}

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// The file named by the last --config-file, else by the environment.
std::string config_file_of(const FlagTable& table, const ParsedFlags& parsed) {
  std::string file;
  if (const SettingSpec* spec = table.find("config-file")) {
    file = environment(table.environment_name(*spec)).value_or("");
  }
  for (const auto& [name, value] : parsed.flags) {
    if (name == "config-file") {
      file = value;
    }
  }
  return file;
}

// For the tunnel's metadata, which others may read: secrets hidden.
std::string redacted_command_line(const FlagTable& table, const ParsedFlags& parsed) {
  std::string text;
  for (const auto& [name, value] : parsed.flags) {
    const SettingSpec* spec = table.find(name);
    const bool secret = spec == nullptr || spec->secret;
    text += (text.empty() ? "--" : " --") + name + "=" + (secret ? "***" : shell_quoted(value));
  }
  return text;
}

Result<Log> open_log(const WorkerConfig& config) {
  LogSettings settings;
  settings.file = config.log_file;
  settings.format = config.log_format == "json"       ? LogFormat::Json
                    : config.log_format == "keyvalue" ? LogFormat::KeyValue
                                                      : LogFormat::Text;
  settings.level = config.log_level == "error"   ? LogLevel::Error
                   : config.log_level == "debug" ? LogLevel::Debug
                                                 : LogLevel::Info;
  return Log::open(settings);
}

int end_with(const ExitCause& cause, Log* log, Dialect dialect) {
  if (cause.exit_class == ExitClass::Clean) {
    return 0;
  }
  const std::string sentence = "fatal error exiting: " + cause.sentence;
  if (log != nullptr) {
    log->error("control", sentence);
  }
  complain(sentence);
  // Kubernetes shows what is written there (reference section c.3).
  constexpr const char* kTerminationLog = "/dev/termination-log";
  if (access(kTerminationLog, W_OK) == 0) {
    std::ofstream(kTerminationLog) << sentence << '\n';
  }
  return dialect == Dialect::Four ? legacy_exit_code(cause.exit_class)
                                  : exit_code(cause.exit_class);
}

int run_worker(const WorkerConfig& config,
               const TlsContext& tls,
               Dialect dialect,
               std::string configuration,
               std::string command_line) {
  Result<Log> log = open_log(config);
  if (!log.ok()) {
    return end_with({ExitClass::Local, log.error().sentence()}, nullptr, dialect);
  }
  std::optional<PidFile> pid_file;
  if (!config.pid_file.empty()) {
    Result<PidFile> made = PidFile::create(config.pid_file);
    if (!made.ok()) {
      return end_with({ExitClass::Local, made.error().sentence()}, &log.value(), dialect);
    }
    pid_file.emplace(std::move(made).value());
  }
  EventLoop loop;
  Worker worker(loop,
                {.config = &config,
                 .tls = &tls,
                 .log = &log.value(),
                 .configuration = std::move(configuration),
                 .command_line = std::move(command_line)});
  if (const std::optional<ExitCause> cause = worker.start()) {
    return end_with(*cause, &log.value(), dialect);
  }
  loop.run();
  return end_with(worker.exit_cause(), &log.value(), dialect);
}

using Problems = std::vector<Error>;

int run_with(const SettingSources& sources, Dialect dialect, std::string command_line) {
  auto loaded = Settings::load(worker_flag_table(), sources);
  if (const auto* problems = std::get_if<Problems>(&loaded)) {
    return usage_problems(*problems);
  }
  const Settings& settings = std::get<Settings>(loaded);
  auto config = worker_config(settings);
  if (const auto* problems = std::get_if<Problems>(&config)) {
    return usage_problems(*problems);
  }
  WorkerConfig& checked = std::get<WorkerConfig>(config);
  checked.ready_on_stdout = dialect == Dialect::Four;
  const Result<TlsContext> tls = TlsContext::for_client({.ca_files = checked.ca_files});
  if (!tls.ok()) {
    return usage_problem("--cacert-file: " + tls.error().sentence());
  }
  return run_worker(
      checked, tls.value(), dialect, settings.redacted_text(), std::move(command_line));
}

// The parsed flags, or the exit code of a command line that ends here.
std::variant<ParsedFlags, int> parse(const FlagTable& table,
                                     const std::vector<std::string>& words) {
  auto parsed = parse_flags(table, words);
  if (const auto* problems = std::get_if<Problems>(&parsed)) {
    return usage_problems(*problems);
  }
  ParsedFlags& flags = std::get<ParsedFlags>(parsed);
  if (flags.help) {
    print(usage_text() + "\nFlags:\n" + help_text(table));
    return 0;
  }
  if (!flags.words.empty()) {
    return usage_problem("unexpected word \"" + flags.words.front() +
                         "\"; the commands are run, legacy, version, completion and help");
  }
  return std::move(flags);
}

int run(const std::vector<std::string>& words) {
  const FlagTable table = worker_flag_table();
  const auto parsed = parse(table, words);
  if (const int* code = std::get_if<int>(&parsed)) {
    return *code;
  }
  const ParsedFlags& flags = std::get<ParsedFlags>(parsed);
  return run_with({.flags = flags.flags,
                   .environment = environment,
                   .file = config_file_of(table, flags),
                   .ignore_key = nullptr},
                  Dialect::Five,
                  "run " + redacted_command_line(table, flags));
}

int write_config_file(const std::string& path, const RunFlags& flags) {
  // It holds the access key.
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const std::string text = config_file_text(flags);
  const bool written = descriptor >= 0 && write(descriptor, text.data(), text.size()) ==
                                              static_cast<ssize_t>(text.size());
  const int error_number = errno;
  close(descriptor);
  return written ? 0
                 : end_with(
                       {ExitClass::Local,
                        Error::from_errno(error_number, "--output-config-file " + path).sentence()},
                       nullptr,
                       Dialect::Four);
}

int legacy(const std::vector<std::string>& words) {
  const FlagTable table = legacy_flag_table();
  const auto parsed = parse(table, with_counted_verbosity(words));
  if (const int* code = std::get_if<int>(&parsed)) {
    return *code;
  }
  const ParsedFlags& flags = std::get<ParsedFlags>(parsed);
  const auto loaded = Settings::load(table,
                                     {.flags = flags.flags,
                                      .environment = environment,
                                      .file = config_file_of(table, flags),
                                      .ignore_key = nullptr});
  if (const auto* problems = std::get_if<Problems>(&loaded)) {
    return usage_problems(*problems);
  }
  const Settings& settings = std::get<Settings>(loaded);
  auto converted = run_flags(settings, environment);
  if (const auto* problems = std::get_if<Problems>(&converted)) {
    return usage_problems(*problems);
  }
  RunFlags& run_with_flags = std::get<RunFlags>(converted);
  if (const std::string path = settings.text("output-config-file"); !path.empty()) {
    return write_config_file(path, run_with_flags);
  }
  for (auto& flag : default_paths(settings, environment)) {
    run_with_flags.push_back(std::move(flag));
  }
  const auto nothing = [](const std::string&) { return std::optional<std::string>(); };
  return run_with(
      {.flags = run_with_flags, .environment = nothing, .file = {}, .ignore_key = nullptr},
      Dialect::Four,
      "legacy " + redacted_command_line(table, flags));
}

}  // namespace

int run_command_line(const std::vector<std::string>& words) {
  const std::string command = words.empty() ? "" : words.front();
  if (command == "version" || command == "--version") {
    return print_version();
  }
  if (command.empty() || command.starts_with('-')) {
    return run(words);
  }
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  if (command == "run") {
    return run(rest);
  }
  if (command == "completion") {
    return print_completion(rest);
  }
  if (command == "help") {
    return print_help(rest);
  }
  if (command == "legacy") {
    return legacy(rest);
  }
  const std::optional<std::string> meant =
      closest_match(command, {"run", "legacy", "version", "completion", "help"});
  return usage_problem("no command \"" + command + "\"" +
                       (meant ? "; did you mean \"" + *meant + "\"?" : "; see sc-worker help"));
}

}  // namespace scpool::worker
