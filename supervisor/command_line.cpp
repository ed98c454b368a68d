#include "supervisor/command_line.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <variant>

#include "common/base/text.hpp"
#include "common/config/flag_parser.hpp"
#include "common/config/flag_text.hpp"
#include "supervisor/core/pool_config.hpp"
#include "supervisor/io/pool_search.hpp"
#include "supervisor/terminal.hpp"
#include "supervisor/verbs.hpp"

namespace scpool::supervisor {
namespace {

constexpr std::size_t kManyWords = 1000;
SettingSpec flag(const char* name, char short_name, SettingType type, const char* help) {
  SettingSpec spec;
  spec.name = name;
  spec.short_name = short_name;
  spec.type = type;
  spec.help = help;
  return spec;
}

SettingSpec with_default(SettingSpec spec, const char* text) {
  spec.default_text = text;
  return spec;
}

// Flags of one verb, behind those that select the supervisor.
FlagTable selecting(std::vector<SettingSpec> specs) {
  std::vector<SettingSpec> all = {
      flag("pool", '\0', SettingType::Text, "Name of the pool; needed when several are up."),
      flag("socket",
           '\0',
           SettingType::Text,
           "Control socket of the supervisor, instead of a name.")};
  all.insert(all.end(), specs.begin(), specs.end());
  return {"SC_POOL_", std::move(all)};
}

const auto config_flag = [](const char* help) {
  return flag("config", 'c', SettingType::Text, help);
};
std::vector<SettingSpec> up_flags() {
  return {
      flag("local", '\0', SettingType::Bool, "Everything on this machine: an embedded server too."),
      flag("detach", 'd', SettingType::Bool, "Go to the background when the pool is ready."),
      config_flag("Configuration file (TOML)."),
      flag("timeout",
           '\0',
           SettingType::Duration,
           "Give up and stop everything unless ready by then; with --detach 5m if not given."),
  };
}

const SettingSpec& wait_limit() {
  static const SettingSpec spec =
      flag("timeout", '\0', SettingType::Duration, "Give up waiting after this time; 0: never.");
  return spec;
}

SettingSpec json_flag() {
  return flag("json", '\0', SettingType::Bool, "Machine-readable, a stable format.");
}

// A verb with the flags that select the supervisor and its own.
Verb verb(std::string name,
          std::string words,
          std::string summary,
          ExitCode (*run)(const Invocation&),
          std::vector<SettingSpec> flags) {
  const std::size_t most_words = words.empty() ? 0 : words.ends_with("...]") ? kManyWords : 1;
  return {std::move(name),
          std::move(words),
          std::move(summary),
          most_words,
          selecting(std::move(flags)),
          false,
          run};
}

Verb with_pool_settings(Verb verb) {
  verb.takes_pool_settings = true;
  return verb;
}

SettingSpec wait_flag() {
  return flag("wait", '\0', SettingType::Bool, "Return when it is done.");
}

SettingSpec follow_flag() {
  return flag("follow", 'f', SettingType::Bool, "Go on as more comes, until Ctrl-C.");
}

std::vector<SettingSpec> doctor_flags() {
  return {
      flag("local", '\0', SettingType::Bool, "The pool of up --local, also when it is not up."),
      config_flag("Configuration file (TOML); that of the running supervisor if not given."),
      with_default(flag("timeout",
                        '\0',
                        SettingType::Duration,
                        "Longest wait for one answer of server or worker."),
                   "10s"),
      json_flag(),
  };
}

std::vector<Verb> running_verbs() {
  return {
      with_pool_settings(verb("up", "", "Start a pool and keep it serving.", run_up, up_flags())),
      verb("down",
           "",
           "Drain the pool and stop it.",
           run_down,
           {flag("now", '\0', SettingType::Bool, "Do not wait for running jobs."),
            flag("timeout",
                 '\0',
                 SettingType::Duration,
                 "Wait at most this long for running jobs, then stop."),
            flag("leftovers",
                 '\0',
                 SettingType::Bool,
                 "There is no supervisor: end the workers that one left when it crashed."),
            config_flag("Configuration file (TOML); with --leftovers only.")}),
      verb("status",
           "",
           "Show the pool and every worker.",
           run_status,
           {json_flag(), flag("watch", 'w', SettingType::Bool, "Show it anew each second.")}),
      verb("wait",
           "",
           "Wait until every worker is ready.",
           run_wait,
           {with_default(wait_limit(), "5m")}),
  };
}

std::vector<Verb> changing_verbs() {
  return {
      verb("restart",
           "[SLOT...]",
           "Replace workers one after the other, none missing meanwhile.",
           run_restart,
           {flag("rolling", '\0', SettingType::Bool, "One after the other (the default)."),
            flag("at-once", '\0', SettingType::Bool, "All together; capacity is lost."),
            flag("older-than", '\0', SettingType::Duration, "Only workers older than this."),
            wait_flag(),
            wait_limit()}),
      verb(
          "scale", "SIZE", "Change the number of workers.", run_scale, {wait_flag(), wait_limit()}),
      verb("drain",
           "SLOT",
           "Let a slot's worker finish and put a fresh one in its place.",
           run_drain,
           {}),
      verb("rollout",
           "[status|pause|resume|cancel]",
           "Show or control the rolling restart.",
           run_rollout,
           {}),
      verb("reload", "", "Read the configuration again and reopen the logs.", run_reload, {}),
      verb("upgrade",
           "",
           "Exchange the supervisor's program in place; workers and sockets stay.",
           run_upgrade,
           {flag("program",
                 '\0',
                 SettingType::Text,
                 "The new program; the one at the old one's path if not given."),
            with_default(flag("confirm-within",
                              '\0',
                              SettingType::Duration,
                              "The old program comes back unless the new one serves by then."),
                         "10s"),
            with_default(wait_limit(), "2m")}),
  };
}

std::vector<Verb> looking_verbs() {
  return {
      verb("plan",
           "[restart [SLOT...]|reload|scale N...]",
           "Show what a restart, reload or scale would do, before it does.",
           run_plan,
           {json_flag(),
            flag("older-than",
                 '\0',
                 SettingType::Duration,
                 "With restart: only workers older than this.")}),
      verb("explain",
           "SLOT",
           "Say why a slot is as it is: rule, numbers, next deadline.",
           run_explain,
           {}),
      verb("events",
           "",
           "Show what was done and why.",
           run_events,
           {follow_flag(),
            json_flag(),
            flag("since", '\0', SettingType::Count, "Only what came after this cursor.")}),
      verb("logs",
           "[SLOT]",
           "Show the logs of the workers and the supervisor.",
           run_logs,
           {follow_flag(),
            with_default(
                flag("lines", 'n', SettingType::Count, "How many lines of each to begin with."),
                "20")}),
      with_pool_settings(verb("doctor",
                              "",
                              "Check everything the pool depends on, and name the mend.",
                              run_doctor,
                              doctor_flags())),
      with_pool_settings(verb("config",
                              "check|show",
                              "Check a configuration, or show what is in effect.",
                              run_config,
                              up_flags())),
      verb("version", "", "Show the version.", run_version, {}),
      verb("completion",
           "bash|zsh|fish",
           "Print a completion script for a shell.",
           run_completion,
           {}),
  };
}

std::vector<Verb> make_verbs() {
  std::vector<Verb> all = running_verbs();
  for (const auto& more : {changing_verbs(), looking_verbs()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

std::string overview() {
  std::string text = "sc-pool keeps a pool of tunnels serving.\n\nUsage: sc-pool VERB [FLAGS]\n\n";
  for (const Verb& verb : verbs()) {
    text += "  " + padded(verb.name, 12) + verb.summary + "\n";
  }
  return text +
         "\n'sc-pool VERB --help' shows a verb's flags. To try it: sc-pool up --local\n"
         "Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 no supervisor there,\n"
         "            4 pool not at full strength, 5 deadline passed, 6 rollout stopped.\n";
}

std::string verb_help(const Verb& verb) {
  return verb.summary + "\n\nUsage: sc-pool " + verb.name +
         (verb.words.empty() ? "" : " " + verb.words) + " [FLAGS]\n\n" + help_text(all_flags(verb));
}

void print(std::string_view text) {
  Terminal(STDOUT_FILENO).write(text);
}

const Verb* find_verb(std::string_view name) {
  const auto found = std::find_if(
      verbs().begin(), verbs().end(), [name](const Verb& verb) { return verb.name == name; });
  return found == verbs().end() ? nullptr : &*found;
}

ExitCode complain_of_verb(const std::string& name) {
  std::vector<std::string> names;
  for (const Verb& verb : verbs()) {
    names.push_back(verb.name);
  }
  const auto meant = closest_match(name, names);
  return complain(ExitCode::Usage,
                  "there is no verb '" + name + "'" +
                      (meant ? "; did you mean '" + *meant + "'?" : "; see 'sc-pool --help'"));
}

ExitCode complain_of_all(const std::vector<Error>& problems) {
  for (const Error& problem : problems) {
    complain(ExitCode::Usage, problem.sentence());
  }
  return ExitCode::Usage;
}

// Splits what was parsed into the verb's own flags and the pool's settings.
ExitCode run_verb(const std::string& program,
                  const Verb& verb,
                  const ParsedFlags& parsed,
                  const std::string& upgrade_check) {
  SettingSources sources;
  sources.environment = environment_variable;
  std::vector<std::pair<std::string, std::string>> pool_flags;
  for (const auto& given : parsed.flags) {
    if (verb.flags.find(given.first) != nullptr) {
      sources.flags.push_back(given);
      continue;
    }
    for (const SettingSpec& spec : pool_setting_table().specs()) {
      if (!spec.secret && flag_of_setting(spec.name) == given.first) {
        pool_flags.emplace_back(spec.name, given.second);
      }
    }
  }
  auto loaded = Settings::load(verb.flags, sources);
  if (const auto* problems = std::get_if<std::vector<Error>>(&loaded)) {
    return complain_of_all(*problems);
  }
  if (parsed.words.size() > verb.most_words) {
    return complain(ExitCode::Usage,
                    verb.name + ": '" + parsed.words.at(verb.most_words) +
                        "' is not expected; see 'sc-pool " + verb.name + " --help'");
  }
  return verb.run({program,
                   std::get<Settings>(std::move(loaded)),
                   parsed.words,
                   std::move(pool_flags),
                   upgrade_check});
}

ExitCode run_words(const std::string& program,
                   const std::vector<std::string>& words,
                   const std::string& upgrade_check) {
  if (words.empty()) {
    print(overview());
    return ExitCode::Usage;
  }
  const std::string& name = words.front();
  if (name == "--help" || name == "-h" || name == "help") {
    const Verb* verb = name == "help" && words.size() > 1 ? find_verb(words.at(1)) : nullptr;
    print(verb == nullptr ? overview() : verb_help(*verb));
    return ExitCode::Done;
  }
  const Verb* verb = find_verb(name == "--version" ? "version" : name);
  if (verb == nullptr) {
    return complain_of_verb(name);
  }
  const auto parsed = parse_flags(all_flags(*verb), {words.begin() + 1, words.end()});
  if (const auto* problems = std::get_if<std::vector<Error>>(&parsed)) {
    return complain_of_all(*problems);
  }
  const auto& flags = std::get<ParsedFlags>(parsed);
  if (flags.help) {
    print(verb_help(*verb));
    return ExitCode::Done;
  }
  return run_verb(program, *verb, flags, upgrade_check);
}

}  // namespace

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> all = make_verbs();
  return all;
}

FlagTable all_flags(const Verb& verb) {
  std::vector<SettingSpec> specs = verb.flags.specs();
  if (verb.takes_pool_settings) {
    for (SettingSpec spec : pool_setting_table().specs()) {
      spec.environment = pool_setting_table().environment_name(spec);
      spec.name = flag_of_setting(spec.name);
      // A secret on the command line would be in everybody's process list.
      if (!spec.secret && verb.flags.find(spec.name) == nullptr) {
        specs.push_back(std::move(spec));
      }
    }
  }
  return {"SC_POOL_", std::move(specs)};
}

std::string flag_of_setting(std::string_view key) {
  for (const std::string_view table : {"pool.", "control.", "account."}) {
    if (key.starts_with(table)) {
      key.remove_prefix(table.size());
      break;
    }
  }
  std::string name(key);
  std::replace(name.begin(), name.end(), '.', '-');
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

ExitCode complain(ExitCode code, std::string_view sentence) {
  const Terminal terminal(STDERR_FILENO);
  terminal.write(terminal.styled(Style::Bad, "sc-pool:") + " " + std::string(sentence) + "\n");
  return code;
}

ExitCode run_command_line(const std::string& program, const std::vector<std::string>& words) {
  // `upgrade-check FILE up ...`: one supervisor's program asks another; of no use to people.
  const bool is_check = words.size() > 2 && words.front() == "upgrade-check" && words.at(2) == "up";
  return is_check ? run_words(program, {words.begin() + 2, words.end()}, words.at(1))
                  : run_words(program, words, "");
}

}  // namespace scpool::supervisor
