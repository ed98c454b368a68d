#include "worker/core/worker_values.hpp"

#include <algorithm>
#include <array>

#include "common/base/text.hpp"
#include "common/http/message_head.hpp"

namespace scpool::worker {
namespace {

struct Region {
  std::string_view name;
  std::string_view api;  // the part of the host name behind "api."
};

// Reference section f.5.
constexpr std::array<Region, 8> kRegions = {{{"us-west", "us-west-1"},
                                             {"us-west-1", "us-west-1"},
                                             {"us-east", "us-east-4"},
                                             {"us-east-4", "us-east-4"},
                                             {"eu-central", "eu-central-1"},
                                             {"eu-central-1", "eu-central-1"},
                                             {"asia-south", "asia-south-2"},
                                             {"asia-south-2", "asia-south-2"}}};

Error invalid(std::string sentence) {
  return {ErrorKind::Invalid, std::move(sentence)};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return std::nullopt;
    }
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto number = parse_number(text);
  if (!number || *number > 65535 || text.size() > 5) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(*number);
}

// "host", "*" or "[::1]", without brackets and in lower case; nothing when it is none.
std::optional<std::string> parse_host(std::string_view text) {
  if (text == "*") {
    return std::string(text);
  }
  const auto authority = parse_authority(text, 1);
  const auto* parsed = std::get_if<Authority>(&authority);
  // A port inside would have been taken for the host's.
  return parsed == nullptr || parsed->port != 1 ? std::nullopt : std::optional(parsed->host);
}

std::optional<LogHttpMode> parse_mode(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, LogHttpMode>, 6> kModes = {
      {{"none", LogHttpMode::None},
       {"short-url", LogHttpMode::ShortUrl},
       {"url", LogHttpMode::Url},
       {"headers", LogHttpMode::Headers},
       {"body", LogHttpMode::Body},
       {"errors", LogHttpMode::Errors}}};
  for (const auto& [name, mode] : kModes) {
    if (name == text) {
      return mode;
    }
  }
  return std::nullopt;
}

bool is_loopback(const Authority& authority) {
  return authority.host == "localhost" || authority.host.starts_with("127.") ||
         authority.host == "::1";
}

}  // namespace

Result<SiteCredential> parse_site_credential(std::string_view text) {
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos) {
    return invalid("must be user:password@host:port");
  }
  const std::string_view account = text.substr(0, at);
  const std::string_view place = text.substr(at + 1);
  const std::size_t colon = place.rfind(':');
  if (colon == std::string_view::npos) {
    return invalid("must be user:password@host:port; the port is missing (\"*\" stands for any)");
  }
  const std::string_view port_text = place.substr(colon + 1);
  const auto host = parse_host(place.substr(0, colon));
  const auto port = port_text == "*" ? std::optional<std::uint16_t>(0) : parse_port(port_text);
  if (!host) {
    return invalid("has no host behind the @ (\"*\" stands for any)");
  }
  if (!port || (*port == 0 && port_text != "*")) {
    return invalid("has a port that is not 1 to 65535 or \"*\"");
  }
  const std::size_t separator = account.find(':');
  const auto user = percent_decoded(account.substr(0, separator));
  const auto password = separator == std::string_view::npos
                            ? std::optional<std::string>("")
                            : percent_decoded(account.substr(separator + 1));
  if (!user || !password) {
    return invalid("has a % that is not followed by two hexadecimal digits; write %25 for it");
  }
  if (user->empty()) {
    return invalid("has no user before the @");
  }
  return SiteCredential{*host, *port, *user, Secret(*password)};
}

Result<ApiCredential> parse_api_credential(std::string_view text) {
  const std::size_t separator = text.find(':');
  const std::string_view user = text.substr(0, separator);
  if (user.empty()) {
    return invalid("must be user or user:password");
  }
  const std::string_view password =
      separator == std::string_view::npos ? std::string_view() : text.substr(separator + 1);
  return ApiCredential{std::string(user), Secret(std::string(password))};
}

Result<ApiAddress> parse_api_address(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  // The size of sun_path without its closing zero.
  constexpr std::size_t kMaxSocketPath = 107;
  ApiAddress address;
  if (text.starts_with(kUnix)) {
    address.unix_path = text.substr(kUnix.size());
    if (address.unix_path.empty() || address.unix_path.size() > kMaxSocketPath) {
      return invalid("needs a path of 1 to 107 bytes behind unix:");
    }
    return address;
  }
  const std::size_t colon = text.rfind(':');
  const auto port =
      colon == std::string_view::npos ? std::nullopt : parse_port(text.substr(colon + 1));
  if (!port) {
    return invalid("must be host:port, :port or unix:PATH, not '" + std::string(text) + "'");
  }
  address.port = *port;
  if (colon > 0) {
    const auto host = parse_host(text.substr(0, colon));
    if (!host || *host == "*") {
      return invalid("has a host that cannot be listened on: '" +
                     std::string(text.substr(0, colon)) + "'");
    }
    address.host = *host;
  }
  return address;
}

Result<void> take_log_http(std::string_view text, LogHttp& modes) {
  const std::size_t colon = text.find(':');
  const std::string_view module = colon == std::string_view::npos ? "" : text.substr(0, colon);
  const auto mode = parse_mode(colon == std::string_view::npos ? text : text.substr(colon + 1));
  const bool known = module.empty() || module == "api" || module == "proxy" || module == "control";
  if (!mode || !known || colon == 0) {
    return invalid(
        "must be [api|proxy|control:] and one of none, short-url, url, headers, body, errors, "
        "not '" +
        std::string(text) + "'");
  }
  for (const auto& [name, place] : {std::pair{std::string_view("api"), &modes.api},
                                    std::pair{std::string_view("proxy"), &modes.proxy},
                                    std::pair{std::string_view("control"), &modes.control}}) {
    if (module.empty() || module == name) {
      *place = *mode;
    }
  }
  return {};
}

Result<std::pair<std::string, std::string>> parse_metadata(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return invalid("must be key=value, not '" + std::string(text) + "'");
  }
  return std::pair{std::string(trim(text.substr(0, equals))),
                   std::string(trim(text.substr(equals + 1)))};
}

Result<std::string> parse_rest_url(std::string_view text) {
  const auto target = parse_absolute_target("GET", text);
  const auto* url = std::get_if<AbsoluteTarget>(&target);
  if (url == nullptr || (url->scheme != "https" && url->scheme != "http")) {
    return invalid("must be a URL such as https://host:port/rest/v1");
  }
  if (url->path_and_query.find_first_of("?#") != std::string::npos) {
    return invalid("must have neither a query nor a fragment");
  }
  if (url->scheme == "http" && !is_loopback(url->authority)) {
    return invalid("must begin with https://, since the access key goes this way");
  }
  std::string path = url->path_and_query;
  while (path.ends_with('/')) {
    path.pop_back();
  }
  return url->scheme + "://" + url->authority.text() + (path.empty() ? "/rest/v1" : path);
}

Result<std::string> region_rest_url(std::string_view region) {
  std::vector<std::string> names;
  for (const Region& known : kRegions) {
    if (known.name == region) {
      return "https://api." + std::string(known.api) + ".saucelabs.com/rest/v1";
    }
    if (known.name != known.api) {
      names.emplace_back(known.name);
    }
  }
  return invalid("unknown region '" + std::string(region) + "': known are " + join(names, ", ") +
                 "; a server of your own is given with --rest-url");
}

}  // namespace scpool::worker
