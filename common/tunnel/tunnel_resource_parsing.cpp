
#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/text.hpp"
#include "common/tunnel/tunnel_resource.hpp"

namespace scpool {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxErrorSentence = 500;
constexpr std::uint64_t kMaxSeconds = 30ULL * 24 * 3600;

// Missing and null are the same; a member of an object that is none is missing.
const json* member(const json& object, std::string_view name) {
  if (!object.is_object()) {
    return nullptr;
  }
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// Numbers and objects where a text is expected (extra_info) are taken as their JSON.
std::optional<std::string> text_of(const json& object, std::string_view name) {
  const json* value = member(object, name);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->is_string()) {
    return value->get<std::string>();
  }
  return json_text(*value);
}

// true, false, 1, 0 and their texts; nothing for anything else.
std::optional<bool> truth_of(const json& object, std::string_view name) {
  const json* value = member(object, name);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->is_boolean()) {
    return value->get<bool>();
  }
  if (value->is_number()) {
    return value->get<double>() != 0.0;
  }
  if (value->is_string()) {
    const std::string text = to_lower(value->get_ref<const std::string&>());
    if (text == "true" || text == "1") {
      return true;
    }
    if (text == "false" || text == "0" || text.empty()) {
      return false;
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> number_of(const json& object, std::string_view name) {
  const json* value = member(object, name);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (value->is_number_unsigned()) {
    return value->get<std::uint64_t>();
  }
  if (value->is_number_float()) {
    const auto real = value->get<double>();
    // Up to 2^53 a double is exact; larger ones are no number of ours.
    if (real >= 0 && real <= 9007199254740992.0) {
      return static_cast<std::uint64_t>(real);
    }
  }
  if (value->is_string()) {
    return parse_number(value->get_ref<const std::string&>());
  }
  return std::nullopt;
}

std::optional<std::int64_t> time_of(const json& object, std::string_view name) {
  const auto number = number_of(object, name);
  if (!number || *number > (std::uint64_t{1} << 53U)) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(*number);
}

// "shared": "all" of the younger clients, "shared_tunnel": true of the older ones.
bool shared_of(const json& object) {
  if (truth_of(object, "shared_tunnel").value_or(false)) {
    return true;
  }
  if (const auto truth = truth_of(object, "shared")) {
    return *truth;
  }
  return member(object, "shared") != nullptr;
}

std::vector<std::string> texts_of(const json& list) {
  std::vector<std::string> texts;
  if (list.is_array()) {
    for (const json& element : list) {
      if (element.is_string()) {
        texts.push_back(element.get<std::string>());
      }
    }
  }
  return texts;
}

// The first of the two spellings that is there with something in it.
std::vector<std::string> list_of(const json& object,
                                 std::string_view name,
                                 std::string_view older_name) {
  for (const std::string_view spelling : {name, older_name}) {
    const json* value = member(object, spelling);
    if (value != nullptr && value->is_array() && !value->empty()) {
      return texts_of(*value);
    }
  }
  return {};
}

// Callers of the server hear of a list that is none, instead of a rule that silently never holds.
Result<void> check_lists(const json& object) {
  for (const char* name : {"tunnel_domains",
                           "domain_names",
                           "direct_domains",
                           "deny_domains",
                           "fast_fail_regexps",
                           "tls_passthrough_domains",
                           "no_ssl_bump_domains",
                           "tls_resign_domains"}) {
    const json* value = member(object, name);
    if (value != nullptr && (!value->is_array() || texts_of(*value).size() != value->size())) {
      return Error(ErrorKind::Invalid, std::string(name) + " must be a list of strings");
    }
  }
  return {};
}

TunnelMetadata metadata_of(const json& object) {
  TunnelMetadata metadata;
  const json* given = member(object, "metadata");
  if (given == nullptr) {
    return metadata;
  }
  metadata.build = text_of(*given, "build").value_or("");
  metadata.command = text_of(*given, "command").value_or("");
  metadata.command_args = text_of(*given, "command_args").value_or("");
  metadata.external_proxy = text_of(*given, "external_proxy").value_or("");
  metadata.git_version = text_of(*given, "git_version").value_or("");
  metadata.hostname = text_of(*given, "hostname").value_or("");
  metadata.host_cpu = text_of(*given, "host_cpu").value_or("");
  metadata.host_memory = number_of(*given, "host_memory").value_or(0);
  metadata.nofile_limit = number_of(*given, "nofile_limit").value_or(0);
  metadata.platform = text_of(*given, "platform").value_or("");
  metadata.release = text_of(*given, "release").value_or("");
  if (const json* extra = member(*given, "extra"); extra != nullptr && extra->is_object()) {
    for (const auto& [name, value] : extra->items()) {
      metadata.extra[name] = text_of(*extra, name).value_or("");
    }
  }
  return metadata;
}

template <class Domains>
void take_domains(const json& object, Domains& into) {
  into.tunnel_domains = list_of(object, "tunnel_domains", "domain_names");
  into.direct_domains = list_of(object, "direct_domains", "direct_domains");
  into.deny_domains = list_of(object, "deny_domains", "fast_fail_regexps");
  into.tls_passthrough_domains = list_of(object, "tls_passthrough_domains", "no_ssl_bump_domains");
  into.tls_resign_domains = list_of(object, "tls_resign_domains", "tls_resign_domains");
}

TunnelStatus status_of(const json& object) {
  const std::string text = to_lower(text_of(object, "status").value_or(""));
  for (const TunnelStatus status : {TunnelStatus::New,
                                    TunnelStatus::Booting,
                                    TunnelStatus::Running,
                                    TunnelStatus::Terminated}) {
    if (text == to_text(status)) {
      return status;
    }
  }
  return TunnelStatus::Unknown;
}

Result<TunnelState> state_of(const json& object) {
  const json* id = member(object, "id");
  if (id == nullptr || !id->is_string() || id->get_ref<const std::string&>().empty()) {
    return Error(ErrorKind::Protocol, "the server's tunnel has no id");
  }
  TunnelState state;
  state.id.value = id->get<std::string>();
  state.status = status_of(object);
  state.is_ready = truth_of(object, "is_ready").value_or(false);
  // Not every server tells; only a clear no speaks against a pool.
  state.tunnel_pool = truth_of(object, "tunnel_pool").value_or(true);
  state.shared = shared_of(object);
  state.tunnel_identifier = text_of(object, "tunnel_identifier").value_or("");
  state.owner = text_of(object, "owner").value_or("");
  state.host = text_of(object, "host").value_or("");
  state.protocol = text_of(object, "protocol").value_or(state.protocol);
  state.ip_address = text_of(object, "ip_address");
  state.creation_time = time_of(object, "creation_time");
  state.launch_time = time_of(object, "launch_time");
  state.last_connected = time_of(object, "last_connected");
  state.shutdown_time = time_of(object, "shutdown_time");
  state.user_shutdown = truth_of(object, "user_shutdown");
  state.shutdown_reason = text_of(object, "shutdown_reason");
  state.extra_info = text_of(object, "extra_info").value_or("");
  state.vm_version = text_of(object, "vm_version").value_or("");
  state.metadata = metadata_of(object);
  take_domains(object, state);
  return state;
}

// A body that must be an object; gateways send HTML pages with any status.
Result<json> parse_answer(std::string_view text) {
  json object = parse_json(text);
  if (!object.is_object()) {
    return Error(ErrorKind::Protocol, "the server's answer is not a JSON object");
  }
  return object;
}

template <class Messages>
void take_messages(const json& object, Messages& into) {
  into.fatal = list_of(object, "fatal", "fatal");
  into.info = list_of(object, "info", "info");
  into.warning = list_of(object, "warning", "warning");
}

void take_seconds(const json& object, std::string_view name, Duration& into) {
  if (const auto number = number_of(object, name); number && *number <= kMaxSeconds) {
    into = std::chrono::seconds{*number};
  }
}

// One line of printable text; what a stranger wrote does not reach a terminal as it is.
std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text.substr(0, kMaxErrorSentence)) {
    const bool printable = static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
    line += printable ? c : ' ';
  }
  return std::string(trim(line));
}

}  // namespace

Result<CreateTunnelRequest> parse_create_request(std::string_view text) {
  const json object = parse_json(text);
  if (!object.is_object()) {
    return Error(ErrorKind::Invalid, "the body is not a JSON object");
  }
  if (auto checked = check_lists(object); !checked) {
    return checked.error();
  }
  CreateTunnelRequest request;
  request.tunnel_identifier = text_of(object, "tunnel_identifier").value_or("");
  request.protocol = text_of(object, "protocol").value_or(request.protocol);
  request.shared = shared_of(object);
  request.tunnel_pool = truth_of(object, "tunnel_pool").value_or(false);
  request.extra_info = text_of(object, "extra_info").value_or("");
  request.vm_version = text_of(object, "vm_version").value_or("");
  request.metadata = metadata_of(object);
  take_domains(object, request);
  return request;
}

Result<TunnelState> parse_tunnel_state(std::string_view text) {
  const auto object = parse_answer(text);
  return object ? state_of(object.value()) : object.error();
}

Result<std::vector<TunnelState>> parse_tunnel_list(std::string_view text) {
  const json parsed = parse_json(text);
  const json* wrapped = member(parsed, "tunnels");
  const json& list = wrapped == nullptr ? parsed : *wrapped;
  std::vector<TunnelState> states;
  if (list.is_null()) {
    return states;
  }
  if (!list.is_array()) {
    return Error(ErrorKind::Protocol, "the server's answer is not a list of tunnels");
  }
  for (const json& element : list) {
    auto state = state_of(element);
    if (!state) {
      return state.error();
    }
    states.push_back(std::move(state).value());
  }
  return states;
}

Result<CreatedTunnel> parse_created_tunnel(std::string_view text) {
  const auto object = parse_answer(text);
  if (!object) {
    return object.error();
  }
  auto state = state_of(object.value());
  if (!state) {
    return state.error();
  }
  CreatedTunnel created;
  created.state = std::move(state).value();
  created.connect_secret = Secret(text_of(object.value(), "connect_secret").value_or(""));
  if (const json* messages = member(object.value(), "messages")) {
    take_messages(*messages, created);
  }
  return created;
}

Result<ServerUpdates> parse_updates(std::string_view text) {
  const auto object = parse_answer(text);
  if (!object) {
    return object.error();
  }
  ServerUpdates updates;
  take_messages(object.value(), updates);
  const json* configuration = member(object.value(), "configuration");
  if (configuration == nullptr) {
    return updates;
  }
  take_seconds(*configuration, "job_wait_timeout", updates.job_wait_timeout);
  take_seconds(*configuration, "start_timeout", updates.start_timeout);
  take_seconds(*configuration, "client_status_interval", updates.client_status_interval);
  take_seconds(*configuration, "client_status_timeout", updates.client_status_timeout);
  if (const json* regions = member(*configuration, "regions");
      regions != nullptr && regions->is_array()) {
    for (const json& region : *regions) {
      const auto name = text_of(region, "name");
      const auto url = text_of(region, "url");
      if (name && url) {
        updates.regions.emplace_back(*name, *url);
      }
    }
  }
  return updates;
}

Result<std::uint64_t> parse_jobs_running(std::string_view text) {
  const auto object = parse_answer(text);
  if (!object) {
    return object.error();
  }
  return number_of(object.value(), "jobs_running").value_or(0);
}

std::string error_sentence(int status, std::string_view body) {
  const json object = parse_json(body);
  const json* error = member(object, "error");
  if (error != nullptr && error->is_object()) {
    error = member(*error, "message");
  }
  if (error == nullptr) {
    error = member(object, "message");
  }
  if (error != nullptr && error->is_string()) {
    std::string sentence = one_line(error->get_ref<const std::string&>());
    if (!sentence.empty()) {
      return sentence;
    }
  }
  const std::string account = "the server answered with status " + std::to_string(status);
  if (body.empty()) {
    return account + " and no explanation";
  }
  if (to_lower(body.substr(0, 256)).find("<html") != std::string::npos) {
    return account + " and an HTML page, as gateways do";
  }
  return account + ": " + one_line(body.substr(0, 200));
}

}  // namespace scpool
