#include "server/io/rest_jobs.hpp"

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "common/base/text.hpp"
#include "common/tls/proof.hpp"
#include "server/core/ingress_credential.hpp"
#include "server/io/rest_answers.hpp"

namespace scpool::server {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxLabel = 256;

std::string printed(const json& value) {
  return json_text(value);
}

json job_object(const Job& job) {
  return {{"id", job.id.value},
          {"kind", job.kind == JobKind::Explicit ? "explicit" : "implicit"},
          {"label", job.address.label},
          {"tunnel_id", job.tunnel.value},
          {"tunnel_name", job.address.tunnel_name},
          {"connections", job.connections},
          {"started_at", rfc3339(job.started)}};
}

// A member of a JSON object; nothing when it is there and no string.
std::optional<std::string> text_member(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) {
    return std::string();
  }
  return found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
}

HttpResponse refused(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::NotFound:
      return json_error(404, error.sentence());
    case ErrorKind::Exhausted:
      return json_error(429, error.sentence());
    default:
      break;
  }
  HttpResponse response = json_error(503, error.sentence());
  response.fields.add("Retry-After", "1");
  return response;
}

std::string credential_url(const std::string& ingress_url,
                           const JobId& job,
                           const std::string& key) {
  const std::size_t host = ingress_url.find("://") + 3;
  return ingress_url.substr(0, host) + one_job_user(job) + ':' + key + '@' +
         ingress_url.substr(host);
}

HttpResponse start_job(ServerParts& parts, const HttpRequest& request, const std::string& user) {
  const json body = parse_json(request.body.empty() ? "{}" : request.body);
  if (!body.is_object()) {
    return json_error(400, "the body must be a JSON object");
  }
  std::optional<std::string> name = text_member(body, "tunnel_name");
  if (name && name->empty()) {
    name = text_member(body, "tunnel_identifier");
  }
  const std::optional<std::string> label = text_member(body, "label");
  if (!name || !label || label->size() > kMaxLabel) {
    return json_error(400, "tunnel_name and label are strings, the label of at most 256 bytes");
  }
  if (parts.ingress_url.empty()) {
    return json_error(409, "no ingress of this server asks for credentials, so jobs have no proxy");
  }
  const JobId id{random_hex(16)};
  const std::string key = random_hex(16);
  const Result<JobId> started = parts.ledger.jobs().start_explicit(
      id, {user, *name, *label}, job_credential_hash(id, key), parts.ledger.moment());
  if (!started) {
    return refused(started.error());
  }
  parts.ledger.settle();
  parts.ledger.flush();
  json answer = job_object(*parts.ledger.jobs().find(id));
  answer["proxy_url"] = credential_url(parts.ingress_url, id, key);
  return json_response(200, printed(answer));
}

HttpResponse list_jobs(const ServerParts& parts, const std::string& user) {
  json list = json::array();
  for (const Job* job : parts.ledger.jobs().of_account(user)) {
    list.push_back(job_object(*job));
  }
  return json_response(200, printed(list));
}

}  // namespace

std::string job_credential_hash(const JobId& job, std::string_view key) {
  return key_hash(sha256, job.value, key);
}

HttpResponse answer_jobs(ServerParts& parts,
                         const HttpRequest& request,
                         const std::string& user,
                         const std::vector<std::string>& rest) {
  const std::string& method = request.head.method;
  if (rest.empty()) {
    if (method == "POST") {
      return start_job(parts, request, user);
    }
    return method == "GET" ? list_jobs(parts, user) : method_not_allowed("GET, POST");
  }
  const JobId id{rest.front()};
  const Job* job = parts.ledger.jobs().find(id);
  if (rest.size() > 1 || job == nullptr || job->address.account != user) {
    return not_found("job");
  }
  if (method == "GET") {
    return json_response(200, printed(job_object(*job)));
  }
  if (method != "DELETE") {
    return method_not_allowed("GET, DELETE");
  }
  parts.ledger.jobs().end(id);
  parts.ledger.settle();
  parts.ledger.flush();
  return json_response(200, printed({{"result", true}, {"id", id.value}}));
}

}  // namespace scpool::server
