#include "supervisor/io/server_findings.hpp"

#include <utility>
#include <variant>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/random.hpp"
#include "common/base/text.hpp"
#include "common/http/authority.hpp"
#include "common/http/ip_address.hpp"
#include "common/io/name_lookup.hpp"
#include "common/io/timer.hpp"
#include "common/tunnel/tunnel_resource.hpp"

namespace scpool::supervisor {
namespace {

// More than a screen of bytes, so that the body crosses the tunnel as one.
constexpr std::size_t kPageBytes = 8 * 1024;

std::string text_at(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

}  // namespace

NameFinding look_up_server(const std::string& url, Duration timeout) {
  NameFinding finding;
  const auto target = parse_absolute_target("GET", url);
  const auto* absolute = std::get_if<AbsoluteTarget>(&target);
  if (absolute == nullptr) {
    finding.problem = url + ": " + std::get<HeadProblem>(target).sentence;
    return finding;
  }
  finding.host = absolute->authority.host;
  finding.is_address = IpAddress::parse(finding.host).has_value();
  if (finding.is_address) {
    return finding;
  }
  EventLoop loop;
  std::optional<Result<std::vector<std::string>>> answer;
  Timer limit(loop);
  limit.start(timeout, [&answer, &finding, &loop] {
    loop.stop();
    answer = Error(ErrorKind::TimedOut, finding.host + ": the name servers do not answer");
  });
  const NameLookup lookup(
      loop, finding.host, [&answer, &loop](Result<std::vector<std::string>> got) {
        answer = std::move(got);
        loop.stop();
      });
  while (!answer.has_value()) {
    loop.run();
  }
  if (answer->ok()) {
    finding.addresses = answer->value();
  } else {
    finding.problem = answer->error().sentence();
  }
  return finding;
}

ServerAnswer ask_server(const RestAccount& account, Duration timeout) {
  EventLoop loop;
  HttpClient client(loop);
  TunnelDirectory directory(client, account, "", "", [](const PoolEvent&) {});
  ServerAnswer result;
  result.finding.url = account.url;
  result.finding.user = account.user;
  result.finding.asked_at = loop.wall_now();
  std::optional<Result<HttpAnswer>> answer;
  directory.fetch_list(timeout, [&answer, &loop](Result<HttpAnswer> got) {
    answer = std::move(got);
    loop.stop();
  });
  while (!answer.has_value()) {
    loop.run();
  }
  result.finding.answered_at = loop.wall_now();
  if (!answer->ok()) {
    result.finding.failure = answer->error();
    return result;
  }
  HttpAnswer& got = answer->value();
  result.finding.status = got.status;
  result.finding.certificate_end = got.certificate_end;
  result.finding.date = std::string(got.fields.find("Date").value_or(""));
  if (got.status >= 200 && got.status < 300) {
    result.body = std::move(got.body);
  } else {
    result.finding.sentence = error_sentence(got.status, got.body);
  }
  return result;
}

TunnelTrial::TunnelTrial(RestAccount account, std::string ingress_url, Duration timeout)
    : account_(std::move(account)),
      ingress_url_(std::move(ingress_url)),
      timeout_(timeout),
      page_(random_hex(kPageBytes / 2)),
      label_("doctor-" + random_hex(8)),
      client_(loop_),
      server_(loop_, HttpServerSettings{}, [this](const HttpRequest&, HttpReply reply) {
        reply.send(text_response(200, page_));
      }) {}

Result<void> TunnelTrial::open_page() {
  const auto at = server_.listen_tcp(Endpoint{"127.0.0.1", 0}, nullptr);
  if (!at) {
    return at.error();
  }
  page_url_ = "http://" + at.value().text() + "/";
  return {};
}

// Stopped by the answer: a single turn could go on to wait for what the page's server waits for.
Result<HttpAnswer> TunnelTrial::fetch(HttpCall call) {
  call.timeout = timeout_;
  std::optional<Result<HttpAnswer>> answer;
  const HttpClient::Ticket ticket =
      client_.start(std::move(call), [this, &answer](Result<HttpAnswer> got) {
        answer = std::move(got);
        loop_.stop();
      });
  while (!answer.has_value()) {
    loop_.run();
  }
  return std::move(*answer);
}

RequestFinding TunnelTrial::send_through(WorkerId worker, const TunnelId& tunnel) {
  const std::string credential = account_.user + ";tunnel=" + tunnel.value + ";job=" + label_ +
                                 "-" + std::to_string(worker.slot.value) + ":" +
                                 account_.access_key.reveal();
  HttpCall call;
  call.url = page_url_;
  call.proxy = ingress_url_;
  call.fields.set("Proxy-Authorization", "Basic " + to_base64(as_bytes(credential)));
  RequestFinding finding;
  finding.worker = worker;
  const Instant began = loop_.now();
  const auto answer = fetch(std::move(call));
  finding.took = loop_.now() - began;
  if (!answer) {
    finding.failure = answer.error();
    return finding;
  }
  finding.status = answer.value().status;
  finding.proxy_status = std::string(answer.value().fields.find("Proxy-Status").value_or(""));
  finding.page_came_whole = answer.value().body == page_;
  return finding;
}

HttpCall TunnelTrial::rest_call(std::string method, const std::string& path) const {
  HttpCall call;
  call.method = std::move(method);
  call.url = account_.url + "/" + account_.user + path;
  call.user = account_.user;
  call.password = account_.access_key;
  call.ca_files = account_.ca_files;
  call.only_these_cas = account_.only_these_cas;
  return call;
}

// Left alone, a job lasts a minute longer, and would hold up a restart that long.
void TunnelTrial::finish() {
  const auto listed = fetch(rest_call("GET", "/jobs"));
  if (!listed) {
    return;
  }
  const auto jobs = parse_json(listed.value().body);
  if (!jobs.is_array()) {
    return;
  }
  for (const auto& job : jobs) {
    if (text_at(job, "label").starts_with(label_)) {
      static_cast<void>(fetch(rest_call("DELETE", "/jobs/" + text_at(job, "id"))).ok());
    }
  }
}

}  // namespace scpool::supervisor
