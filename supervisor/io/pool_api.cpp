#include "supervisor/io/pool_api.hpp"

#include <utility>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/page.hpp"
#include "common/base/random.hpp"
#include "supervisor/core/status_page.hpp"

namespace scpool::supervisor {
namespace {

HttpServerSettings server_settings() {
  HttpServerSettings settings;
  settings.server_name = "sc-pool";
  return settings;
}

HttpResponse with_type(std::string type, std::string body) {
  HttpResponse response;
  response.fields.set("Content-Type", std::move(type));
  response.fields.set("Cache-Control", "no-store");
  response.body = std::move(body);
  return response;
}

HttpResponse readiness(const PoolFront& front) {
  const StatusReport report = front.report();
  if (has_minimum(report.snapshot)) {
    return text_response(200, "OK");
  }
  return text_response(503, "Service Unavailable\n" + status_line(report.snapshot) + "\n");
}

std::string version_json() {
  return json_text(nlohmann::json{{"version", SCPOOL_VERSION}}) + "\n";
}

// Browsers name it; curl says that it takes anything.
bool wants_html(const HttpRequest& request) {
  const auto accept = request.head.fields.find("Accept");
  return accept.has_value() && accept->find("text/html") != std::string_view::npos;
}

HttpResponse page_of(const PoolFront& front) {
  const std::string nonce = random_hex(16);
  HttpResponse page = with_type("text/html; charset=utf-8", status_page(front.report(), nonce));
  page.fields.set("Content-Security-Policy", page_policy(nonce));
  page.fields.set("X-Content-Type-Options", "nosniff");
  page.fields.set("Referrer-Policy", "no-referrer");
  return page;
}

bool is_question(const HttpRequest& request) {
  return request.head.method == "GET" || request.head.method == "HEAD";
}

HttpResponse method_not_allowed() {
  HttpResponse response = json_error(405, "this is read-only: GET and HEAD");
  response.fields.set("Allow", "GET, HEAD");
  return response;
}

}  // namespace

std::optional<HttpResponse> answer_read_only(const PoolFront& front,
                                             const HttpRequest& request,
                                             Audience audience) {
  const std::string& path = request.path;
  if (path == "/readyz" || path == "/readiness") {
    return readiness(front);
  }
  if (path == "/healthz" || path == "/liveness") {
    return text_response(200, "OK");
  }
  if (path == "/info") {
    return json_response(200, status_json(front.report(), audience));
  }
  if (path == "/metrics") {
    return with_type("text/plain; version=0.0.4; charset=utf-8", status_metrics(front.report()));
  }
  if (path == "/configz") {
    return text_response(200, front.configuration_text());
  }
  if (path == "/version") {
    return json_response(200, version_json());
  }
  if (path == "/" && !wants_html(request)) {
    return text_response(200, status_text(front.report()));
  }
  if (path == "/") {
    return page_of(front);
  }
  return std::nullopt;
}

PoolApi::PoolApi(EventLoop& loop)
    : server_(
          loop,
          server_settings(),
          [this](const HttpRequest& request, HttpReply reply) { take(request, std::move(reply)); }),
      events_(loop),
      pages_(loop) {}

Result<std::unique_ptr<PoolApi>> PoolApi::listen(EventLoop& loop, const std::string& address) {
  const auto at = parse_endpoint(address);
  if (!at) {
    return at.error();
  }
  auto api = std::make_unique<PoolApi>(loop);
  auto bound = api->server_.listen_tcp(at.value(), nullptr);
  if (!bound) {
    return bound.error();
  }
  api->endpoint_ = bound.value();
  return api;
}

void PoolApi::take(const HttpRequest& request, HttpReply reply) {
  const bool may_stream = front_ != nullptr && is_question(request);
  if (may_stream && request.path == "/v1/events") {
    events_.answer(*front_, request, std::move(reply));
  } else if (may_stream && request.path == "/live") {
    pages_.answer(*front_, std::move(reply));
  } else {
    reply.send(answer(request));
  }
}

Result<std::unique_ptr<PoolApi>> PoolApi::adopt(EventLoop& loop, OpenDescriptor socket) {
  auto api = std::make_unique<PoolApi>(loop);
  auto bound = api->server_.listen_on(std::move(socket), nullptr);
  if (!bound) {
    return bound.error();
  }
  api->endpoint_ = bound.value();
  return api;
}

void PoolApi::pause() {
  events_.end_all();
  pages_.end_all();
  server_.pause();
}

HttpResponse PoolApi::answer(const HttpRequest& request) const {
  if (!is_question(request)) {
    return method_not_allowed();
  }
  if (front_ == nullptr) {
    const bool liveness = request.path == "/liveness" || request.path == "/healthz";
    return liveness ? text_response(200, "OK") : text_response(503, "starting\n");
  }
  auto found = answer_read_only(*front_, request, Audience::Anybody);
  return found ? std::move(*found)
               : json_error(404,
                            "there are /readyz /readiness /healthz /liveness /info /metrics "
                            "/configz /version /v1/events and /");
}

}  // namespace scpool::supervisor
