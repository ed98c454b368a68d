#include "supervisor/io/handover.hpp"

#include <fstream>
#include <sstream>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "supervisor/io/files.hpp"

namespace scpool::supervisor {
namespace {

using Json = nlohmann::json;

template <class Value>
void read(const Json& object, const char* key, Value& out) {
  const auto found = object.find(key);
  if (found == object.end()) {
    return;
  }
  if constexpr (std::is_same_v<Value, std::string>) {
    out = found->is_string() ? found->get<std::string>() : out;
  } else if constexpr (std::is_same_v<Value, bool>) {
    out = found->is_boolean() ? found->get<bool>() : out;
  } else {
    out = found->is_number() ? found->get<Value>() : out;
  }
}

Json journal_json(const JournalRecord& journal) {
  return {
      {"next_cursor", journal.next_cursor}, {"started", journal.started}, {"ended", journal.ended}};
}

JournalRecord to_journal(const Json& root) {
  JournalRecord journal;
  read(root, "next_cursor", journal.next_cursor);
  read(root, "started", journal.started);
  const auto ended = root.find("ended");
  if (ended != root.end() && ended->is_object()) {
    for (const auto& [cause, count] : ended->items()) {
      journal.ended[cause] = count.is_number_unsigned() ? count.get<std::uint64_t>() : 0;
    }
  }
  return journal;
}

Json to_json(const Handover& handover) {
  return {{"protocol", kHandoverProtocol},
          {"report", upgrade_report_json(handover.report)},
          {"now", handover.now.time_since_epoch().count()},
          {"fingerprint", handover.fingerprint},
          {"config", handover.config.value},
          {"state", state_to_json(handover.state)},
          {"journal", journal_json(handover.journal)},
          {"started_at_us", handover.started_at.time_since_epoch().count()},
          {"told_ready", handover.told_ready},
          {"lock", handover.lock},
          {"control", handover.control},
          {"api", handover.api},
          {"server_pid", handover.server_pid},
          {"server_start_time", handover.server_start_time},
          {"guard_pid", handover.guard_pid}};
}

Result<Handover> from_json(const Json& root) {
  int protocol = 0;
  if (root.is_object()) {
    read(root, "protocol", protocol);
  }
  if (protocol != kHandoverProtocol) {
    return Error(ErrorKind::Invalid,
                 "it speaks handover protocol " + std::to_string(kHandoverProtocol) +
                     ", the running one " + std::to_string(protocol));
  }
  Handover handover;
  std::string state;
  std::string report;
  read(root, "state", state);
  read(root, "report", report);
  auto stored = state_from_json(state);
  auto told = read_upgrade_report(report);
  if (!stored || !told) {
    return Error(ErrorKind::Invalid, "it cannot read the state of the running one");
  }
  handover.state = std::move(*stored);
  handover.report = std::move(told).value();
  Duration::rep now = 0;
  read(root, "now", now);
  handover.now = Instant{Duration{now}};
  read(root, "fingerprint", handover.fingerprint);
  read(root, "config", handover.config.value);
  if (const auto journal = root.find("journal"); journal != root.end() && journal->is_object()) {
    handover.journal = to_journal(*journal);
  }
  WallTime::rep started_at = 0;
  read(root, "started_at_us", started_at);
  handover.started_at = WallTime{WallTime::duration{started_at}};
  read(root, "told_ready", handover.told_ready);
  read(root, "lock", handover.lock);
  read(root, "control", handover.control);
  read(root, "api", handover.api);
  read(root, "server_pid", handover.server_pid);
  read(root, "server_start_time", handover.server_start_time);
  read(root, "guard_pid", handover.guard_pid);
  return handover;
}

}  // namespace

Result<void> write_handover(const std::string& path, const Handover& handover) {
  return write_private_file(path, json_text(to_json(handover)));
}

Result<Handover> read_handover(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return file ? from_json(parse_json(text.str()))
              : Result<Handover>(Error(ErrorKind::NotFound, path + ": cannot be read"));
}

}  // namespace scpool::supervisor
