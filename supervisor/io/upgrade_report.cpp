#include "supervisor/io/upgrade_report.hpp"

#include <link.h>

#include <cstdio>
#include <cstring>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"

namespace scpool::supervisor {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kShownBytes = 4;

// The NT_GNU_BUILD_ID note of one PT_NOTE segment (elf(5)); empty: it is not there.
std::string build_id_in(const char* at, std::size_t size) {
  const auto padded = [](std::size_t length) { return (length + 3) / 4 * 4; };
  while (size >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, at, sizeof note);
    const std::size_t whole = sizeof note + padded(note.n_namesz) + padded(note.n_descsz);
    if (whole > size) {
      break;
    }
    if (note.n_type == NT_GNU_BUILD_ID && note.n_descsz >= kShownBytes) {
      const char* bytes = at + sizeof note + padded(note.n_namesz);
      std::string text;
      for (std::size_t i = 0; i < kShownBytes; ++i) {
        char digits[3] = {};
        std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(bytes[i]));
        text += digits;
      }
      return text;
    }
    at += whole;
    size -= whole;
  }
  return {};
}

int find_build_id(dl_phdr_info* program, std::size_t /*size*/, void* result) {
  for (int i = 0; i < program->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = program->dlpi_phdr[i];
    if (header.p_type == PT_NOTE) {
      const auto* begin = reinterpret_cast<const char*>(program->dlpi_addr + header.p_vaddr);
      auto& text = *static_cast<std::string*>(result);
      text = build_id_in(begin, header.p_memsz);
      if (!text.empty()) {
        break;
      }
    }
  }
  return 1;  // the first one is the program itself
}

std::string text_at(const Json& root, const char* key) {
  const auto found = root.find(key);
  return found != root.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

std::string build_text() {
  std::string id;
  dl_iterate_phdr(find_build_id, &id);
  return SCPOOL_VERSION + (id.empty() ? "" : " (" + id + ")");
}

std::string_view to_text(UpgradeState state) {
  switch (state) {
    case UpgradeState::None:
      return "none";
    case UpgradeState::Checking:
      return "checking";
    case UpgradeState::HandingOver:
      return "handing-over";
    case UpgradeState::Done:
      return "done";
    case UpgradeState::Refused:
      return "refused";
    case UpgradeState::FellBack:
      return "fell-back";
  }
  return "";
}

std::string UpgradeReport::sentence() const {
  char spent[32] = {};
  std::snprintf(spent, sizeof spent, "%.3f s", seconds(unwatched));
  const std::string kept =
      std::to_string(workers_kept) + (workers_kept == 1 ? " worker" : " workers") + " kept";
  switch (state) {
    case UpgradeState::None:
      return "no upgrade was asked for";
    case UpgradeState::Checking:
      return "the new program is asked to read the pool's state";
    case UpgradeState::HandingOver:
      return "handing over to " + to;
    case UpgradeState::Done:
      return from + " -> " + to + "; " + kept + ", nobody watched them for " + spent;
    case UpgradeState::Refused:
      return from + " goes on: " + why;
    case UpgradeState::FellBack:
      return "back to " + from + ": " + why + "; " + kept + ", nobody watched them for " + spent;
  }
  return "";
}

std::string upgrade_report_json(const UpgradeReport& report) {
  return json_text(Json{{"state", to_text(report.state)},
                        {"attempt", report.attempt},
                        {"from", report.from},
                        {"to", report.to},
                        {"why", report.why},
                        {"unwatched_s", seconds(report.unwatched)},
                        {"workers_kept", report.workers_kept}}) +
         "\n";
}

Result<UpgradeReport> read_upgrade_report(const std::string& json) {
  const Json root = parse_json(json);
  UpgradeReport report;
  const auto attempt = root.is_object() ? root.find("attempt") : root.end();
  if (!root.is_object() || attempt == root.end() || !attempt->is_number_unsigned()) {
    return Error(ErrorKind::Invalid, "the supervisor's answer is not an upgrade's report");
  }
  report.attempt = attempt->get<std::uint64_t>();
  const std::string state = text_at(root, "state");
  for (int index = 0; index <= static_cast<int>(UpgradeState::FellBack); ++index) {
    if (to_text(static_cast<UpgradeState>(index)) == state) {
      report.state = static_cast<UpgradeState>(index);
    }
  }
  report.from = text_at(root, "from");
  report.to = text_at(root, "to");
  report.why = text_at(root, "why");
  if (const auto spent = root.find("unwatched_s"); spent != root.end() && spent->is_number()) {
    report.unwatched =
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(spent->get<double>()));
  }
  if (const auto kept = root.find("workers_kept");
      kept != root.end() && kept->is_number_unsigned()) {
    report.workers_kept = kept->get<std::uint64_t>();
  }
  return report;
}

}  // namespace scpool::supervisor
