#include "server/core/ingress_credential.hpp"

#include <vector>

#include "common/base/text.hpp"

namespace scpool::server {

namespace {

constexpr std::string_view kOneJobPrefix = "job-";
constexpr std::size_t kJobDigits = 32;

bool take_parameters(std::string_view user, IngressCredential& credential) {
  const std::vector<std::string_view> parts = split(user, ';');
  credential.user = parts.front();
  for (std::size_t index = 1; index < parts.size(); ++index) {
    const std::string_view part = parts[index];
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || equals + 1 == part.size()) {
      return false;
    }
    const std::string_view name = part.substr(0, equals);
    std::string* value = name == "tunnel" ? &credential.tunnel_name
                         : name == "job"  ? &credential.label
                                          : nullptr;
    if (value == nullptr || !value->empty()) {
      return false;
    }
    *value = part.substr(equals + 1);
  }
  return !credential.user.empty();
}

}  // namespace

std::optional<IngressCredential> read_ingress_credential(const Fields& fields) {
  constexpr std::string_view kScheme = "basic ";
  const std::optional<std::string_view> value = fields.find("proxy-authorization");
  if (!value || fields.count("proxy-authorization") != 1 || value->size() < kScheme.size() ||
      !equals_ignoring_case(value->substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  const std::optional<Bytes> decoded = from_base64(trim(value->substr(kScheme.size())));
  if (!decoded) {
    return std::nullopt;
  }
  const std::string_view pair = as_text(*decoded);
  const std::size_t colon = pair.find(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  IngressCredential credential;
  credential.key = Secret(std::string(pair.substr(colon + 1)));
  const std::string_view user = pair.substr(0, colon);
  if (user.starts_with(kOneJobPrefix) && user.size() == kOneJobPrefix.size() + kJobDigits &&
      is_hex(user.substr(kOneJobPrefix.size()))) {
    credential.one_job = JobId{std::string(user.substr(kOneJobPrefix.size()))};
    return credential;
  }
  if (!take_parameters(user, credential)) {
    return std::nullopt;
  }
  return credential;
}

std::string one_job_user(const JobId& job) {
  return std::string(kOneJobPrefix) + job.value;
}

}  // namespace scpool::server
