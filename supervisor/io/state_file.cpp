#include "supervisor/io/state_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace scpool::supervisor {
namespace {

using Json = nlohmann::json;

constexpr int kFormatVersion = 1;

std::string to_json_text(const PoolRecord& record) {
  Json processes = Json::array();
  for (const KnownProcess& known : record.processes) {
    processes.push_back({{"slot", known.worker.slot.value},
                         {"generation", known.worker.generation.value},
                         {"pid", known.pid},
                         {"start_time", known.start_time},
                         {"tunnel_id", known.tunnel.value}});
  }
  Json left = Json::array();
  for (const TunnelId& tunnel : record.left_tunnels) {
    left.push_back(tunnel.value);
  }
  Json root = {{"version", kFormatVersion},
               {"next_generation", record.next_generation.value},
               {"boot_id", record.boot_id},
               {"processes", processes},
               {"left_tunnels", left}};
  if (record.wished_size.has_value()) {
    root["wished_size"] = *record.wished_size;
  }
  return root.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

template <class Integer>
std::optional<Integer> number_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_unsigned()) {
    return std::nullopt;
  }
  return static_cast<Integer>(found->get<std::uint64_t>());
}

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

std::optional<KnownProcess> to_process(const Json& item) {
  if (!item.is_object()) {
    return std::nullopt;
  }
  const auto slot = number_at<std::uint32_t>(item, "slot");
  const auto generation = number_at<std::uint64_t>(item, "generation");
  const auto pid = number_at<int>(item, "pid");
  const auto start_time = number_at<std::uint64_t>(item, "start_time");
  if (!slot || !generation || !pid || *pid <= 1 || !start_time) {
    return std::nullopt;
  }
  return KnownProcess{
      {{*slot}, {*generation}}, *pid, *start_time, TunnelId{text_at(item, "tunnel_id")}};
}

std::optional<PoolRecord> to_record(const Json& root) {
  if (!root.is_object() || number_at<int>(root, "version") != kFormatVersion) {
    return std::nullopt;
  }
  const auto next = number_at<std::uint64_t>(root, "next_generation");
  const auto processes = root.find("processes");
  if (!next || processes == root.end() || !processes->is_array()) {
    return std::nullopt;
  }
  PoolRecord record;
  record.next_generation = {*next};
  record.boot_id = text_at(root, "boot_id");
  record.wished_size = number_at<std::uint32_t>(root, "wished_size");
  for (const Json& item : *processes) {
    const auto process = to_process(item);
    if (!process) {
      return std::nullopt;
    }
    record.processes.push_back(*process);
  }
  for (const Json& item : root.value("left_tunnels", Json::array())) {
    if (item.is_string()) {
      record.left_tunnels.push_back(TunnelId{item.get<std::string>()});
    }
  }
  return record;
}

Result<void> write_synced(const std::string& path, const std::string& text) {
  const int descriptor =
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (descriptor < 0) {
    return Error::from_errno(errno, path);
  }
  std::size_t done = 0;
  int failure = 0;
  while (done < text.size() && failure == 0) {
    const ssize_t count = write(descriptor, text.data() + done, text.size() - done);
    if (count < 0) {
      failure = errno == EINTR ? 0 : errno;
    } else {
      done += static_cast<std::size_t>(count);
    }
  }
  if (failure == 0 && fsync(descriptor) != 0) {
    failure = errno;
  }
  close(descriptor);
  if (failure != 0) {
    unlink(path.c_str());
    return Error::from_errno(failure, path);
  }
  return {};
}

// The rename itself must be on the disk too.
void sync_directory_of(const std::string& path) {
  const std::string directory = path.substr(0, path.rfind('/'));
  const int descriptor = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) {
    fsync(descriptor);
    close(descriptor);
  }
}

}  // namespace

Result<PoolRecord> StateFile::load() const {
  std::ifstream file(path_);
  if (!file) {
    if (access(path_.c_str(), F_OK) != 0 && errno == ENOENT) {
      return PoolRecord{};
    }
    return Error::from_errno(errno, path_);
  }
  std::ostringstream content;
  content << file.rdbuf();
  const Json root = Json::parse(content.str(), nullptr, false);
  auto record = to_record(root);
  if (!record) {
    return Error(ErrorKind::Invalid,
                 path_ +
                     ": this is not a pool's state; if no worker of this pool runs any more, "
                     "remove the file and start again");
  }
  return std::move(*record);
}

Result<void> StateFile::save(const PoolRecord& record) {
  std::string text = to_json_text(record);
  if (text == last_written_) {
    return {};
  }
  const std::string temporary = path_ + ".new";
  if (auto written = write_synced(temporary, text); !written) {
    return written;
  }
  if (rename(temporary.c_str(), path_.c_str()) != 0) {
    const int reason = errno;
    unlink(temporary.c_str());
    return Error::from_errno(reason, path_);
  }
  sync_directory_of(path_);
  last_written_ = std::move(text);
  return {};
}

std::string current_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace scpool::supervisor
