#include "server/io/rest_answers.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/text.hpp"

namespace scpool::server {

namespace {

using nlohmann::json;
using TunnelList = std::vector<const Tunnel*>;

struct ListForm {
  bool full = false;
  bool all = false;
  bool one_per_pool = false;
  std::string vm_version;              // prefix
  std::vector<std::string> protocols;  // empty: every one
};

bool belongs(const Tunnel& tunnel, const ListForm& form) {
  return tunnel.active() && tunnel.state.vm_version.starts_with(form.vm_version) &&
         (form.protocols.empty() ||
          std::find(form.protocols.begin(), form.protocols.end(), tunnel.state.protocol) !=
              form.protocols.end());
}

TunnelList chosen(const TunnelList& tunnels, const ListForm& form) {
  TunnelList result;
  std::set<std::string> seen;
  for (const Tunnel* tunnel : tunnels) {
    if (!belongs(*tunnel, form)) {
      continue;
    }
    const bool pooled = tunnel->state.tunnel_pool;
    if (form.one_per_pool && pooled && !seen.insert(tunnel->state.tunnel_identifier).second) {
      continue;
    }
    result.push_back(tunnel);
  }
  return result;
}

std::string list_text(const TunnelList& tunnels, const ListForm& form) {
  std::vector<std::string> parts;
  for (const Tunnel* tunnel : tunnels) {
    parts.push_back(form.full ? to_json(tunnel->state) : '"' + tunnel->state.id.value + '"');
  }
  return '[' + join(parts, ",") + ']';
}

// Own tunnels and those that others share, by owner.
std::string all_text(const Ledger& ledger, const std::string& user, const ListForm& form) {
  std::map<std::string, TunnelList> by_owner;
  by_owner[user];
  for (const Tunnel* tunnel : ledger.tunnels().all()) {
    if (tunnel->state.owner == user || tunnel->state.shared) {
      by_owner[tunnel->state.owner].push_back(tunnel);
    }
  }
  std::vector<std::string> parts;
  for (const auto& [owner, tunnels] : by_owner) {
    const TunnelList members = chosen(tunnels, form);
    if (owner == user || !members.empty()) {
      parts.push_back(json_text(json(owner)) + ':' + list_text(members, form));
    }
  }
  return '{' + join(parts, ",") + '}';
}

}  // namespace

std::optional<bool> read_switch(const std::optional<std::string>& text) {
  if (!text || text->empty() || *text == "0" || equals_ignoring_case(*text, "false")) {
    return false;
  }
  if (*text == "1" || equals_ignoring_case(*text, "true")) {
    return true;
  }
  return std::nullopt;
}

HttpResponse list_tunnels(const Ledger& ledger,
                          const HttpRequest& request,
                          const std::string& user) {
  const std::optional<bool> full = read_switch(request.parameter("full"));
  const std::optional<bool> all = read_switch(request.parameter("all"));
  if (!full || !all) {
    return json_error(400, "full and all are 1, true, 0 or false");
  }
  ListForm form;
  form.full = *full;
  form.all = *all;
  const std::string filter = request.parameter("filter").value_or("");
  form.one_per_pool = filter == "one_per_pool";
  if (filter == "v2alpha") {
    form.vm_version = filter;
  } else if (!filter.empty() && !form.one_per_pool) {
    return json_error(400, "filter is one_per_pool or v2alpha");
  }
  const std::string protocols = request.parameter("protocol").value_or("");
  for (const std::string_view protocol : split(protocols, ',')) {
    if (!trim(protocol).empty()) {
      form.protocols.emplace_back(trim(protocol));
    }
  }
  if (form.all) {
    return json_response(200, all_text(ledger, user, form));
  }
  return json_response(200, list_text(chosen(ledger.tunnels().of_owner(user), form), form));
}

HttpResponse all_tunnels(const Ledger& ledger,
                         const HttpRequest& request,
                         const std::string& user) {
  const std::optional<std::string> limit_text = request.parameter("limit");
  const std::optional<std::uint64_t> limit =
      limit_text ? parse_number(*limit_text) : std::optional<std::uint64_t>(UINT64_MAX);
  if (!limit) {
    return json_error(400, "limit is a whole number");
  }
  TunnelList tunnels = ledger.tunnels().of_owner(user);
  std::reverse(tunnels.begin(), tunnels.end());
  std::vector<std::string> parts;
  for (const Tunnel* tunnel : tunnels) {
    if (parts.size() >= *limit) {
      break;
    }
    parts.push_back(to_json(tunnel->state));
  }
  return json_response(200, "{\"tunnels\":[" + join(parts, ",") + "]}");
}

HttpResponse client_versions(const HttpRequest& request) {
  json answer = {{"latest_version", SCPOOL_VERSION},
                 {"client_version", request.parameter("client_version").value_or("")},
                 {"status", "OK"},
                 {"info_url", ""},
                 {"download_url", ""},
                 {"sha1", ""},
                 {"warning", json::array()},
                 {"downloads", json::object()}};
  if (read_switch(request.parameter("all")).value_or(false)) {
    answer["all_downloads"] = json::object();
  }
  return json_response(200, json_text(answer));
}

HttpResponse download_refused() {
  return json_response(
      404,
      R"({"error":{"code":404,"message":"this server offers no downloads: build sc-worker from source"}})");
}

HttpResponse jobs_answer(const TunnelId& id, std::size_t jobs_running) {
  return json_response(200, json_text(json({{"id", id.value}, {"jobs_running", jobs_running}})));
}

HttpResponse not_found(std::string_view what) {
  return json_error(404, "unknown " + std::string(what));
}

HttpResponse method_not_allowed(std::string_view allowed) {
  HttpResponse response = json_error(405, "this resource allows " + std::string(allowed) + " only");
  response.fields.add("Allow", std::string(allowed));
  return response;
}

}  // namespace scpool::server
