#include "server/io/rest_api.hpp"

#include <algorithm>
#include <utility>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/text.hpp"
#include "server/io/rest_answers.hpp"
#include "server/io/rest_jobs.hpp"

namespace scpool::server {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxTunnelName = 256;

std::vector<std::string> segments_of(const std::string& path) {
  std::vector<std::string> segments;
  for (const std::string_view part : split(path, '/')) {
    if (!part.empty()) {
      segments.emplace_back(part);
    }
  }
  return segments;
}

std::string client_of(const HttpRequest& request) {
  return request.peer ? request.peer->address : std::string("unknown");
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::optional<std::string> problem_of(const CreateTunnelRequest& request) {
  if (request.protocol == "kgp" || request.protocol == "ipsec") {
    return "protocol \"" + request.protocol +
           "\" is not supported by this server: use h2c (sc-worker, or a Sauce Connect 5 client)";
  }
  if (request.protocol != "h2c") {
    return "unknown protocol \"" + request.protocol + "\": use h2c";
  }
  if (request.tunnel_identifier.size() > kMaxTunnelName ||
      !is_printable(request.tunnel_identifier)) {
    return "tunnel_identifier must be printable ASCII of at most 256 characters";
  }
  return std::nullopt;
}

// "wait" in the three dialects of the field: ?wait=1, ?wait_for_jobs=true, a JSON body.
struct DeleteWish {
  std::string reason;
  DeleteWait wait = DeleteWait::ForJobs;
};

// What the body says comes before the query; false when it is no object.
bool read_delete_body(const std::string& text, DeleteWish& wish, std::optional<std::string>& wait) {
  const json body = parse_json(text);
  if (!body.is_object()) {
    return false;
  }
  if (const auto reason = body.find("reason"); reason != body.end() && reason->is_string()) {
    wish.reason = reason->get<std::string>();
  }
  for (const char* name : {"wait", "wait_for_jobs"}) {
    if (const auto given = body.find(name); given != body.end() && !given->is_null()) {
      wait = given->is_string() ? given->get<std::string>() : json_text(*given);
    }
  }
  return true;
}

std::optional<DeleteWish> read_delete(const HttpRequest& request) {
  DeleteWish wish;
  wish.reason = request.parameter("reason").value_or("");
  std::optional<std::string> wait = request.parameter("wait");
  if (!wait) {
    wait = request.parameter("wait_for_jobs");
  }
  if (!request.body.empty() && !read_delete_body(request.body, wish, wait)) {
    return std::nullopt;
  }
  if (wait) {
    const std::optional<bool> on = read_switch(wait);
    if (!on) {
      return std::nullopt;
    }
    wish.wait = *on ? DeleteWait::ForJobs : DeleteWait::No;
  }
  return wish;
}

}  // namespace

std::optional<HttpResponse> RestApi::refusal(const HttpRequest& request, std::string& account) {
  const auto credentials = request.basic_credentials();
  const bool right =
      credentials && parts_.ledger.login_is_right(credentials->first, credentials->second);
  if (right) {
    account = credentials->first;
    return std::nullopt;
  }
  LoginVerdict verdict = LoginVerdict::Wrong;
  if (credentials) {
    parts_.metrics.authentication_failed("rest");
    verdict = parts_.ledger.admission().judge_login(false, client_of(request), parts_.loop.now());
  }
  if (verdict == LoginVerdict::TooManyFailures) {
    HttpResponse response = json_error(429, "too many wrong credentials from this address");
    response.fields.add("Retry-After", "6");
    return response;
  }
  HttpResponse response =
      json_error(401, credentials ? "wrong user name or access key" : "credentials are missing");
  response.fields.add("WWW-Authenticate", "Basic realm=\"sc-server\", charset=\"UTF-8\"");
  return response;
}

HttpResponse RestApi::answer(const HttpRequest& request) {
  std::vector<std::string> segments = segments_of(request.path);
  segments.erase(
      segments.begin(),
      segments.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(2, segments.size())));
  if (segments == std::vector<std::string>{"public", "tunnels", "info", "versions"}) {
    return request.head.method == "GET" ? client_versions(request) : method_not_allowed("GET");
  }
  if (segments == std::vector<std::string>{"public", "tunnels", "sauce-connect", "download"}) {
    return request.head.method == "GET" ? download_refused() : method_not_allowed("GET");
  }
  std::string account;
  if (auto refused = refusal(request, account)) {
    return std::move(*refused);
  }
  if (segments.empty()) {
    return not_found("resource");
  }
  // These two always mean the user who asks (reference section d).
  const bool about_asker = segments.back() == "errors" || segments.back() == "connected";
  if (segments.front() != account && !about_asker) {
    return not_found("user");
  }
  segments.erase(segments.begin());
  return route(request, account, segments);
}

HttpResponse RestApi::route(const HttpRequest& request,
                            const std::string& user,
                            const Segments& rest) {
  const std::string& method = request.head.method;
  const std::string first = rest.empty() ? std::string() : rest.front();
  if (first == "tunnels") {
    return route_tunnels(request, user, {rest.begin() + 1, rest.end()});
  }
  if (first == "jobs") {
    return answer_jobs(parts_, request, user, {rest.begin() + 1, rest.end()});
  }
  if (first == "all_tunnels" && rest.size() == 1) {
    return method == "GET" ? all_tunnels(parts_.ledger, request, user) : method_not_allowed("GET");
  }
  if (first == "errors" && rest.size() == 1) {
    return method == "POST" ? crash_report(request, user) : method_not_allowed("POST");
  }
  return not_found("resource");
}

HttpResponse RestApi::route_tunnels(const HttpRequest& request,
                                    const std::string& user,
                                    const Segments& rest) {
  const std::string& method = request.head.method;
  if (rest.empty()) {
    if (method == "POST") {
      return create_tunnel(request, user);
    }
    return method == "GET" ? list_tunnels(parts_.ledger, request, user)
                           : method_not_allowed("GET, POST");
  }
  if (rest == Segments{"info", "updates"}) {
    return method == "GET" ? updates(request) : method_not_allowed("GET");
  }
  if (rest.size() > 2) {
    return not_found("resource");
  }
  return route_tunnel(request, user, TunnelId{rest[0]}, rest.size() == 2 ? rest[1] : std::string());
}

HttpResponse RestApi::route_tunnel(const HttpRequest& request,
                                   const std::string& user,
                                   const TunnelId& id,
                                   const std::string& what) {
  const std::string& method = request.head.method;
  const Tunnel* tunnel = parts_.ledger.tunnels().find(id);
  if (tunnel == nullptr || tunnel->state.owner != user) {
    return not_found("tunnel");
  }
  if (what.empty()) {
    if (method == "GET") {
      return json_response(200, to_json(tunnel->state));
    }
    return method == "DELETE" ? delete_tunnel(request, *tunnel) : method_not_allowed("GET, DELETE");
  }
  if (what == "num_jobs") {
    const std::size_t running = tunnel->active() ? parts_.ledger.jobs().running_on(id) : 0;
    return method == "GET" ? jobs_answer(id, running) : method_not_allowed("GET");
  }
  if (what == "connected") {
    return method == "POST"
               ? json_response(200,
                               json_text(json({{"id", id.value}, {"result", tunnel->active()}})))
               : method_not_allowed("POST");
  }
  return not_found("resource");
}

std::string RestApi::public_host(const HttpRequest& request) const {
  const std::uint16_t port =
      parts_.config.public_port != 0 ? parts_.config.public_port : parts_.tls_port;
  if (!parts_.config.host.empty()) {
    return parts_.config.host + ':' + std::to_string(port);
  }
  // By the name under which the client reached us: it verifies our certificate for it anyway.
  const std::string asked(request.head.fields.find("host").value_or("localhost"));
  const auto parsed = parse_authority(asked, port);
  const auto* authority = std::get_if<Authority>(&parsed);
  return authority != nullptr ? authority->text() : "localhost:" + std::to_string(port);
}

HttpResponse RestApi::create_tunnel(const HttpRequest& request, const std::string& user) {
  if (!parts_.ledger.admission().may_create(user, parts_.loop.now())) {
    HttpResponse response = json_error(429, "too many tunnels created in a minute");
    response.fields.add("Retry-After", "1");
    return response;
  }
  Result<CreateTunnelRequest> parsed = parse_create_request(request.body);
  if (!parsed) {
    return json_error(400, parsed.error().sentence());
  }
  const CreateTunnelRequest& wanted = parsed.value();
  if (const auto problem = problem_of(wanted)) {
    return json_error(400, *problem);
  }
  TunnelRegistration registration;
  registration.id = TunnelId{random_hex(16)};
  registration.owner = user;
  registration.host = public_host(request);
  registration.limit = parts_.ledger.admission().account(user)->max_tunnels;
  if (request.peer) {
    registration.ip_address = request.peer->address;
  }
  Result<std::vector<std::string>> made =
      parts_.ledger.tunnels().create(registration, wanted, parts_.ledger.moment());
  if (!made) {
    return json_error(400, made.error().sentence());
  }
  parts_.ledger.settle();
  parts_.ledger.flush();
  parts_.log.info("tunnels",
                  "tunnel registered",
                  {{"id", registration.id.value},
                   {"owner", user},
                   {"name", wanted.tunnel_identifier},
                   {"pool", wanted.tunnel_pool ? "true" : "false"}});
  CreatedTunnel created;
  created.state = parts_.ledger.tunnels().find(registration.id)->state;
  created.connect_secret = Secret(to_base64url(parts_.ledger.connect_secret(registration.id)));
  created.warning = std::move(made).value();
  if (wanted.tunnel_pool) {
    const std::size_t size = parts_.ledger.tunnels().members(user, wanted.tunnel_identifier).size();
    created.info.push_back("Adding tunnel to pool '" + wanted.tunnel_identifier +
                           "', now running " + std::to_string(size) + " instances.");
  }
  return json_response(200, to_json(created));
}

HttpResponse RestApi::delete_tunnel(const HttpRequest& request, const Tunnel& tunnel) {
  const std::optional<DeleteWish> wish = read_delete(request);
  if (!wish) {
    return json_error(400, "wait and wait_for_jobs are 1, true, 0 or false");
  }
  const TunnelId id = tunnel.state.id;
  const std::size_t running = tunnel.active() ? parts_.ledger.jobs().running_on(id) : 0;
  parts_.ledger.tunnels().remove(id, wish->reason, wish->wait, running, parts_.ledger.moment());
  parts_.ledger.settle();
  parts_.ledger.flush();
  return json_response(
      200, json_text(json({{"result", true}, {"id", id.value}, {"jobs_running", running}})));
}

HttpResponse RestApi::updates(const HttpRequest& request) {
  ServerUpdates updates;
  updates.regions = parts_.config.regions;
  if (updates.regions.empty()) {
    updates.regions.emplace_back("self-hosted", "https://" + public_host(request) + "/rest/v1");
  }
  return json_response(200, to_json(updates));
}

HttpResponse RestApi::crash_report(const HttpRequest& request, const std::string& user) {
  const json body = parse_json(request.body);
  std::string about;
  if (body.is_object()) {
    const auto info = body.find("Info");
    about = info != body.end() ? ascii_json_text(*info) : "";
  }
  constexpr std::size_t kShown = 500;
  parts_.log.info(
      "rest", "a client reports an error", {{"account", user}, {"info", about.substr(0, kShown)}});
  return json_response(200, R"({"result":true})");
}

}  // namespace scpool::server
