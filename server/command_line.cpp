#include "server/command_line.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <utility>

#include "common/base/text.hpp"
#include "common/config/flag_text.hpp"
#include "common/tls/proof.hpp"
#include "server/io/secret_files.hpp"
#include "server/run_command.hpp"

namespace scpool::server {

namespace {

using Words = std::vector<std::string>;
using Problems = std::vector<Error>;

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr std::size_t kAccessKeyBytes = 16;
constexpr std::size_t kSaltBytes = 16;

constexpr const char* kHelp =
    "sc-server: the self-hosted tunnel server\n\n"
    "  sc-server run --config FILE            serve\n"
    "  sc-server user add NAME --state-dir DIR [--max-tunnels N]\n"
    "                                         a new account; prints its access key, once\n"
    "  sc-server user list --state-dir DIR    the accounts of the state directory\n"
    "  sc-server user remove NAME --state-dir DIR\n"
    "  sc-server config check --config FILE   every problem of a configuration\n"
    "  sc-server config show --config FILE    the effective settings\n"
    "  sc-server version\n\n"
    "Flags of run and config:\n";

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

int usage(const std::string& sentence) {
  std::fprintf(stderr, "sc-server: %s (sc-server help)\n", sentence.c_str());
  return kUsage;
}

int report(const Problems& problems) {
  for (const Error& problem : problems) {
    std::fprintf(stderr, "sc-server: %s\n", problem.sentence().c_str());
  }
  return kUsage;
}

int failed(const Error& error) {
  std::fprintf(stderr, "sc-server: %s\n", error.sentence().c_str());
  return kFailed;
}

int help() {
  print(kHelp + help_text(run_flag_table()));
  return kDone;
}

int run(const ParsedFlags& parsed) {
  auto wish = read_run_wish(parsed);
  if (const auto* problems = std::get_if<Problems>(&wish)) {
    return report(*problems);
  }
  return run_server(std::get<RunWish>(wish));
}

int config(const ParsedFlags& parsed) {
  const std::string what = parsed.words.empty() ? "" : parsed.words.front();
  if (what == "check") {
    const auto wish = read_run_wish(parsed);
    if (const auto* problems = std::get_if<Problems>(&wish)) {
      return report(*problems);
    }
    print("the configuration is fine\n");
    return kDone;
  }
  if (what == "show") {
    const auto text = effective_settings(parsed);
    if (const auto* problems = std::get_if<Problems>(&text)) {
      return report(*problems);
    }
    print(std::get<std::string>(text));
    return kDone;
  }
  return usage("config check, or config show");
}

FlagTable user_flag_table() {
  SettingSpec state;
  state.name = "state-dir";
  state.help = "State directory of the server.";
  SettingSpec most;
  most.name = "max-tunnels";
  most.type = SettingType::Count;
  most.default_text = "100";
  most.help = "Active tunnels of the new account.";
  return FlagTable("SC_SERVER_", {state, most});
}

int add_user(SqliteStore& store, const std::string& name, std::size_t max_tunnels) {
  if (name.empty() || name.find_first_of(":;/ ") != std::string::npos) {
    return usage("a name may not be empty or contain ':', ';', '/' or blanks");
  }
  const std::string key = random_hex(kAccessKeyBytes);
  Account account;
  account.name = name;
  account.salt = random_hex(kSaltBytes);
  account.key_hash = key_hash(sha256, account.salt, key);
  account.max_tunnels = max_tunnels;
  if (const Result<void> added = store.add_account(account); !added) {
    return failed(added.error());
  }
  print(key + "\n");
  std::fprintf(stderr, "The access key of %s; it is not shown again.\n", name.c_str());
  return kDone;
}

int list_users(SqliteStore& store) {
  const Result<std::vector<Account>> accounts = store.accounts();
  if (!accounts) {
    return failed(accounts.error());
  }
  for (const Account& account : accounts.value()) {
    print(account.name + "  max-tunnels=" + std::to_string(account.max_tunnels) + "\n");
  }
  return kDone;
}

int user_on(const std::string& directory, const Words& words, std::size_t max_tunnels) {
  if (const Result<void> made = make_private_directory(directory); !made) {
    return failed(made.error());
  }
  Result<SqliteStore> store = SqliteStore::open(directory + "/state.sqlite");
  if (!store) {
    return failed(store.error());
  }
  if (words.size() == 1 && words[0] == "list") {
    return list_users(store.value());
  }
  if (words.size() == 2 && words[0] == "add") {
    return add_user(store.value(), words[1], max_tunnels);
  }
  if (words.size() == 2 && words[0] == "remove") {
    const Result<void> removed = store.value().remove_account(words[1]);
    return removed ? kDone : failed(removed.error());
  }
  return usage("user add NAME, user list, or user remove NAME");
}

int user(const Words& words) {
  const auto parsed = parse_flags(user_flag_table(), words);
  if (const auto* problems = std::get_if<Problems>(&parsed)) {
    return report(*problems);
  }
  const auto& flags = std::get<ParsedFlags>(parsed);
  std::string directory;
  std::optional<std::uint64_t> max_tunnels = 100;
  for (const auto& [name, value] : flags.flags) {
    if (name == "state-dir") {
      directory = value;
    } else {
      max_tunnels = parse_number(value);
    }
  }
  if (directory.empty()) {
    return usage("--state-dir DIR is missing");
  }
  if (!max_tunnels) {
    return usage("--max-tunnels is a whole number");
  }
  return user_on(directory, flags.words, static_cast<std::size_t>(*max_tunnels));
}

}  // namespace

int run_command_line(const std::vector<std::string>& words) {
  const std::string command = words.empty() ? "help" : words.front();
  const Words rest(words.empty() ? words.end() : words.begin() + 1, words.end());
  if (command == "version" || command == "--version") {
    print("sc-server " SCPOOL_VERSION "\n");
    return kDone;
  }
  if (command == "help" || command == "--help" || command == "-h") {
    return help();
  }
  if (command == "user") {
    return user(rest);
  }
  if (command != "run" && command != "config") {
    return usage("unknown command \"" + command + "\"");
  }
  const auto parsed = parse_flags(run_flag_table(), rest);
  if (const auto* problems = std::get_if<Problems>(&parsed)) {
    return report(*problems);
  }
  const auto& flags = std::get<ParsedFlags>(parsed);
  if (flags.help) {
    return help();
  }
  if (command == "config") {
    return config(flags);
  }
  if (!flags.words.empty()) {
    return usage("unexpected word \"" + flags.words.front() + "\"");
  }
  return run(flags);
}

}  // namespace scpool::server
