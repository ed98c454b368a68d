#include "server/run_command.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "common/io/signals.hpp"

namespace scpool::server {

namespace {

using Problems = std::vector<Error>;

constexpr std::string_view kConfigFlag = "config";

std::vector<SettingSpec> command_line_only() {
  const auto text = [](std::string name, std::string help) {
    SettingSpec spec;
    spec.name = std::move(name);
    spec.help = std::move(help);
    return spec;
  };
  std::vector<SettingSpec> specs = {
      text(std::string(kConfigFlag), "Configuration file (TOML)."),
      text("embedded", "Serve one machine from this directory; makes CA, account and key in it."),
      text("ingress", "With --embedded: address of the ingress that asks for credentials."),
      text("open-ingress", "With --embedded: address of the ingress without credentials."),
      text("open-ingress-tunnel",
           "With --embedded: tunnel name of the ingress without credentials."),
  };
  SettingSpec parent = text("end-with-parent", "Stop when the process that started this one ends.");
  parent.type = SettingType::Bool;
  specs.push_back(std::move(parent));
  return specs;
}

std::string flag_value(const ParsedFlags& parsed, std::string_view name, std::string fallback) {
  for (const auto& [flag, value] : parsed.flags) {
    if (flag == name) {
      fallback = value;
    }
  }
  return fallback;
}

// Flags of the command line under the names of their settings.
SettingSources sources_of(const ParsedFlags& parsed) {
  SettingSources sources;
  sources.file = flag_value(parsed, kConfigFlag, "");
  sources.ignore_key = is_array_key;
  sources.environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  const FlagTable table = server_setting_table();
  for (const SettingSpec& spec : table.specs()) {
    for (const auto& [flag, value] : parsed.flags) {
      if (flag == flag_of_setting(spec.name)) {
        sources.flags.emplace_back(spec.name, value);
      }
    }
  }
  return sources;
}

std::variant<ServerConfig, Problems> load_config(const SettingSources& sources) {
  auto settings = Settings::load(server_setting_table(), sources);
  if (auto* problems = std::get_if<Problems>(&settings)) {
    return std::move(*problems);
  }
  std::vector<FileEntry> entries;
  if (!sources.file.empty()) {
    auto read = read_config_file(sources.file);
    if (!read) {
      return Problems{read.error()};
    }
    entries = std::move(read).value();
  }
  return read_server_config(std::get<Settings>(settings), sources.file, entries);
}

std::string tables_text(const ServerConfig& config) {
  std::string text;
  for (const IngressConfig& ingress : config.ingress) {
    text += "[[ingress]] " + ingress.listen;
    text += ingress.asks_for_credentials()
                ? std::string(" with credentials\n")
                : " for " + ingress.account + ", tunnel \"" + ingress.tunnel_name + "\"\n";
  }
  for (const AccountConfig& account : config.accounts) {
    text += "[[account]] " + account.name + ", key in " + account.access_key_file + ", at most " +
            std::to_string(account.max_tunnels) + " tunnels\n";
  }
  for (const auto& [name, url] : config.regions) {
    text += "[[region]] " + name + " " + url + "\n";
  }
  return text;
}

std::optional<EmbeddedWish> embedded_wish(const ParsedFlags& parsed) {
  const std::string directory = flag_value(parsed, "embedded", "");
  if (directory.empty()) {
    return std::nullopt;
  }
  EmbeddedWish wish;
  wish.directory = directory;
  wish.listen = flag_value(parsed, "listen", wish.listen);
  wish.ingress = flag_value(parsed, "ingress", wish.ingress);
  wish.admin = flag_value(parsed, "admin-listen", wish.admin);
  wish.open_ingress = flag_value(parsed, "open-ingress", wish.open_ingress);
  wish.open_ingress_tunnel = flag_value(parsed, "open-ingress-tunnel", "");
  return wish;
}

LogSettings log_settings(const RunWish& wish) {
  LogSettings settings;
  settings.file = wish.config.log_file;
  if (settings.file.empty() && wish.embedded) {
    settings.file = wish.embedded->directory + "/sc-server.log";
  }
  settings.format = wish.config.log_format == "json"       ? LogFormat::Json
                    : wish.config.log_format == "keyvalue" ? LogFormat::KeyValue
                                                           : LogFormat::Text;
  settings.level = wish.config.log_level == "error"   ? LogLevel::Error
                   : wish.config.log_level == "debug" ? LogLevel::Debug
                                                      : LogLevel::Info;
  return settings;
}

int failed(const Error& error) {
  std::fprintf(stderr, "sc-server: %s\n", error.sentence().c_str());
  return error.kind() == ErrorKind::Invalid ? 2 : 1;
}

// True when the parent is gone already.
bool end_with_parent() {
  const pid_t parent = getppid();
  return prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent || parent == 1;
}

void reload(Server& server, Log& log, const RunWish& wish) {
  if (const Result<void> reopened = log.reopen(); !reopened) {
    log.error("control", "the old log stays", {{"error", reopened.error().sentence()}});
  }
  if (wish.embedded) {
    return;
  }
  ParsedFlags parsed;
  parsed.flags = wish.flags;
  const auto config = load_config(sources_of(parsed));
  if (const auto* problems = std::get_if<Problems>(&config)) {
    for (const Error& problem : *problems) {
      log.error("control", "the old configuration stays", {{"error", problem.sentence()}});
    }
    return;
  }
  server.reload(std::get<ServerConfig>(config));
}

int serve(const RunWish& wish, ServerConfig config, Log& log) {
  EventLoop loop;
  Signals signals(loop);
  Server server(loop, log, std::move(config));
  if (const Result<void> started = server.start(); !started) {
    log.error("control", "cannot start", {{"error", started.error().sentence()}});
    return failed(started.error());
  }
  if (wish.embedded) {
    if (const Result<void> told = write_embedded_facts(*wish.embedded, server); !told) {
      return failed(told.error());
    }
  }
  const auto stop = [&] { server.stop([&loop] { loop.stop(); }); };
  signals.on(SIGTERM, stop);
  signals.on(SIGINT, stop);
  signals.on(SIGHUP, [&] { reload(server, log, wish); });
  if (wish.parent == RunWish::Parent::EndWith && end_with_parent()) {
    stop();
  }
  log.info("control",
           "sc-server is up",
           {{"version", SCPOOL_VERSION}, {"at", server.tls_endpoint().text()}});
  loop.run();
  log.info("control", "stopped");
  return 0;
}

}  // namespace

FlagTable run_flag_table() {
  std::vector<SettingSpec> specs = command_line_only();
  const FlagTable table = server_setting_table();
  for (SettingSpec spec : table.specs()) {
    spec.environment = table.environment_name(spec);
    spec.name = flag_of_setting(spec.name);
    specs.push_back(std::move(spec));
  }
  return FlagTable("SC_SERVER_", std::move(specs));
}

std::variant<RunWish, Problems> read_run_wish(const ParsedFlags& parsed) {
  auto config = load_config(sources_of(parsed));
  if (auto* problems = std::get_if<Problems>(&config)) {
    return std::move(*problems);
  }
  RunWish wish;
  wish.config = std::move(std::get<ServerConfig>(config));
  wish.config_file = flag_value(parsed, kConfigFlag, "");
  wish.flags = parsed.flags;
  wish.embedded = embedded_wish(parsed);
  wish.parent = flag_value(parsed, "end-with-parent", "false") == "true" ? RunWish::Parent::EndWith
                                                                         : RunWish::Parent::Ignored;
  if (wish.embedded) {
    return wish;
  }
  Problems problems;
  for (const auto& [name, value] : {std::pair{"certificate", &wish.config.certificate},
                                    std::pair{"key", &wish.config.key},
                                    std::pair{"state_dir", &wish.config.state_dir}}) {
    if (value->empty()) {
      problems.emplace_back(
          ErrorKind::Invalid,
          std::string(name) + " is not set: give it in the file, or --" + flag_of_setting(name));
    }
  }
  for (const std::string flag : {"ingress", "open-ingress", "open-ingress-tunnel"}) {
    if (!flag_value(parsed, flag, "").empty()) {
      problems.emplace_back(ErrorKind::Invalid, "--" + flag + " needs --embedded");
    }
  }
  if (!problems.empty()) {
    return problems;
  }
  return wish;
}

std::variant<std::string, Problems> effective_settings(const ParsedFlags& parsed) {
  auto settings = Settings::load(server_setting_table(), sources_of(parsed));
  if (auto* problems = std::get_if<Problems>(&settings)) {
    return std::move(*problems);
  }
  auto config = load_config(sources_of(parsed));
  if (auto* problems = std::get_if<Problems>(&config)) {
    return std::move(*problems);
  }
  return std::get<Settings>(settings).redacted_text() + tables_text(std::get<ServerConfig>(config));
}

int run_server(const RunWish& wish) {
  ServerConfig config = wish.config;
  if (wish.embedded) {
    if (const Result<void> prepared = prepare_embedded(*wish.embedded, config); !prepared) {
      return failed(prepared.error());
    }
  }
  Result<Log> log = Log::open(log_settings(wish));
  if (!log) {
    return failed(log.error());
  }
  return serve(wish, std::move(config), log.value());
}

}  // namespace scpool::server
