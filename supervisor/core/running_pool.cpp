#include "supervisor/core/running_pool.hpp"

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"

namespace scpool::supervisor {
namespace {

using Json = nlohmann::json;

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

template <class Number>
Number number_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<Number>() : Number{0};
}

Json object_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_object() ? *found : Json::object();
}

RunningWorker read_worker(const Json& item) {
  RunningWorker worker;
  worker.worker.slot = SlotIndex{number_at<std::uint32_t>(item, "slot")};
  worker.worker.generation = Generation{number_at<std::uint64_t>(item, "generation")};
  worker.pid = number_at<int>(item, "pid");
  worker.state = text_at(item, "state");
  worker.tunnel = TunnelId{text_at(item, "tunnel_id")};
  return worker;
}

}  // namespace

Result<RunningPool> read_running_pool(const std::string& status_json) {
  const Json root = parse_json(status_json);
  if (!root.is_object() || !root.contains("workers") || !root["workers"].is_array()) {
    return Error(ErrorKind::Invalid, "the supervisor's answer is not a pool's status");
  }
  RunningPool pool;
  pool.name = text_at(root, "pool");
  pool.tunnel_name = text_at(root, "tunnel_name");
  pool.state = text_at(root, "state");
  pool.size = number_at<std::uint32_t>(root, "size");
  pool.ready = number_at<std::uint32_t>(root, "ready");
  const Json supervisor = object_at(root, "supervisor");
  pool.supervisor_pid = number_at<int>(supervisor, "pid");
  pool.config_file = text_at(supervisor, "config_file");
  constexpr std::string_view kScheme = "http://";
  if (const std::string url = text_at(root, "api_url"); url.starts_with(kScheme)) {
    pool.api_address = url.substr(kScheme.size());
  }
  for (const Json& item : root["workers"]) {
    // A slot without a worker has no generation.
    if (item.is_object() && item.contains("generation") && item["generation"].is_number()) {
      pool.workers.push_back(read_worker(item));
    }
  }
  if (const Json local = object_at(root, "local"); !local.empty()) {
    pool.server = RunningServer{text_at(local, "rest_url"),
                                text_at(local, "ca_file"),
                                text_at(local, "user"),
                                text_at(local, "access_key_file"),
                                text_at(local, "ingress_url")};
  }
  return pool;
}

}  // namespace scpool::supervisor
