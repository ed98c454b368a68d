#include "worker/io/local_api.hpp"

#include <utility>

#include "common/base/metrics_text.hpp"
#include "common/base/text.hpp"
#include "worker/io/http_log.hpp"

namespace scpool::worker {

namespace {

constexpr unsigned kSocketMode = 0600;

constexpr std::string_view kIndexPage =
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>sc-worker</title></head>"
    "<body><h1>sc-worker</h1><ul>"
    "<li><a href=\"/readyz\">/readyz</a> may receive jobs</li>"
    "<li><a href=\"/healthz\">/healthz</a> connected to the server</li>"
    "<li><a href=\"/info\">/info</a> the tunnel</li>"
    "<li><a href=\"/api/v1/status\">/api/v1/status</a> the connection</li>"
    "<li><a href=\"/metrics\">/metrics</a> figures for Prometheus</li>"
    "<li><a href=\"/configz\">/configz</a> the effective configuration</li>"
    "<li><a href=\"/version\">/version</a> this program</li>"
    "</ul></body></html>\n";

HttpResponse yes_or_no(bool yes) {
  return yes ? text_response(200, "OK") : text_response(503, "Service Unavailable");
}

bool same_text(std::string_view left, std::string_view right) {
  return equal_in_constant_time(as_bytes(left), as_bytes(right));
}

}  // namespace

LocalApi::LocalApi(EventLoop& loop, const WorkerConfig& config, Log& log, LocalApiSources sources)
    : loop_(loop), config_(config), log_(log), sources_(std::move(sources)) {
  HttpServerSettings settings;
  settings.idle = config.api_idle_timeout;
  settings.max_body = 0;
  settings.server_name = "sc-worker";
  server_ = std::make_unique<HttpServer>(
      loop, settings, [this](const HttpRequest& request, HttpReply reply) {
        answer(request, std::move(reply));
      });
}

Result<std::optional<Endpoint>> LocalApi::listen() {
  const ApiAddress& at = *config_.api_address;
  if (!at.unix_path.empty()) {
    const Result<void> listening = server_->listen_unix(at.unix_path, kSocketMode);
    if (!listening.ok()) {
      return listening.error();
    }
    return std::optional<Endpoint>{};
  }
  const bool literal_v6 = at.host.find(':') != std::string::npos;
  const std::string host = literal_v6 ? "[" + at.host + "]" : at.host;
  const Result<Endpoint> endpoint = parse_endpoint(host + ":" + std::to_string(at.port));
  if (!endpoint.ok()) {
    return endpoint.error();
  }
  const Result<Endpoint> listening = server_->listen_tcp(endpoint.value(), nullptr);
  if (!listening.ok()) {
    return listening.error();
  }
  return std::optional<Endpoint>{listening.value()};
}

void LocalApi::answer(const HttpRequest& request, HttpReply reply) {
  const Instant started = loop_.now();
  const HttpResponse response = respond(request);
  HttpLogLine line{.module = "api", .method = request.head.method, .url = request.head.target};
  line.status = response.status;
  line.duration = loop_.now() - started;
  if (logs_fields(config_.log_http.api)) {
    line.request_fields = request.head.fields;
    line.response_fields = response.fields;
    line.response_body = response.body;
  }
  log_http(log_, config_.log_http.api, line);
  reply.send(response);
}

HttpResponse LocalApi::respond(const HttpRequest& request) const {
  if (!allowed(request)) {
    HttpResponse response = text_response(401, "Unauthorized");
    response.fields.add("WWW-Authenticate", "Basic realm=\"sc-worker\"");
    response.fields.add("Connection", "close");
    return response;
  }
  if (request.head.method != "GET" && request.head.method != "HEAD") {
    HttpResponse response = text_response(405, "Method Not Allowed");
    response.fields.add("Allow", "GET, HEAD");
    return response;
  }
  const std::string& path = request.path;
  if (path == "/readyz" || path == "/readiness") {
    return yes_or_no(sources_.facts().ready);
  }
  if (path == "/healthz") {
    return yes_or_no(sources_.facts().connected);
  }
  if (path == "/liveness") {
    return yes_or_no(true);
  }
  if (path == "/info") {
    return json_response(200, info_json(sources_.facts()));
  }
  if (path == "/api/v1/status") {
    return json_response(200, status_json(sources_.facts()));
  }
  if (path == "/version") {
    return json_response(200, version_json());
  }
  HttpResponse response = text_response(200, "");
  if (path == "/metrics") {
    response.body = sources_.metrics();
    response.fields.set("Content-Type", std::string(kMetricsContentType));
  } else if (path == "/configz") {
    response.body = sources_.configuration;
  } else {
    response.body = kIndexPage;
    response.fields.set("Content-Type", "text/html; charset=utf-8");
  }
  return response;
}

bool LocalApi::allowed(const HttpRequest& request) const {
  if (!config_.api_credential) {
    return true;
  }
  const auto given = request.basic_credentials();
  return given && same_text(given->first, config_.api_credential->user) &&
         same_text(given->second, config_.api_credential->password.reveal());
}

}  // namespace scpool::worker
