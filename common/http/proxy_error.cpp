#include "common/http/proxy_error.hpp"

#include <array>
#include <cstdlib>

#include "common/base/check.hpp"
#include "common/base/text.hpp"

namespace scpool {
namespace {

struct ReasonFacts {
  ProxyErrorReason reason;
  std::string_view name;  // RFC 9209 section 2.3
  int status;
};

constexpr std::array kReasons = {
    ReasonFacts{ProxyErrorReason::DnsError, "dns_error", 502},
    ReasonFacts{ProxyErrorReason::DnsTimeout, "dns_timeout", 504},
    ReasonFacts{ProxyErrorReason::DestinationIpProhibited, "destination_ip_prohibited", 403},
    ReasonFacts{ProxyErrorReason::DestinationIpUnroutable, "destination_ip_unroutable", 502},
    ReasonFacts{ProxyErrorReason::ConnectionRefused, "connection_refused", 502},
    ReasonFacts{ProxyErrorReason::ConnectionTerminated, "connection_terminated", 502},
    ReasonFacts{ProxyErrorReason::ConnectionTimeout, "connection_timeout", 504},
    ReasonFacts{ProxyErrorReason::ConnectionReadTimeout, "connection_read_timeout", 504},
    ReasonFacts{ProxyErrorReason::TlsProtocolError, "tls_protocol_error", 502},
    ReasonFacts{ProxyErrorReason::TlsCertificateError, "tls_certificate_error", 502},
    ReasonFacts{ProxyErrorReason::HttpRequestDenied, "http_request_denied", 403},
    ReasonFacts{ProxyErrorReason::HttpRequestError, "http_request_error", 400},
    ReasonFacts{ProxyErrorReason::HttpResponseIncomplete, "http_response_incomplete", 502},
    ReasonFacts{ProxyErrorReason::HttpResponseTimeout, "http_response_timeout", 504},
    ReasonFacts{ProxyErrorReason::HttpProtocolError, "http_protocol_error", 502},
    ReasonFacts{ProxyErrorReason::ProxyLoopDetected, "proxy_loop_detected", 508},
    ReasonFacts{ProxyErrorReason::ProxyInternalError, "proxy_internal_error", 500},
    ReasonFacts{ProxyErrorReason::NoTunnel, "destination_unavailable", 503},
    ReasonFacts{ProxyErrorReason::Overloaded, "proxy_internal_response", 503},
};

const ReasonFacts& facts_of(ProxyErrorReason reason) {
  for (const ReasonFacts& facts : kReasons) {
    if (facts.reason == reason) {
      return facts;
    }
  }
  check_failed("a reason without facts", __FILE__, __LINE__);
}

// RFC 8941 section 3.3.3: visible ASCII and blanks; quotes and backslashes escaped.
std::string quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c < 0x20 || c == 0x7f) {
      quoted += '?';
      continue;
    }
    if (c == '"' || c == '\\') {
      quoted += '\\';
    }
    quoted += c;
  }
  return quoted += '"';
}

std::string escaped_html(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

// The "q" of one member of Accept, in thousandths.
int quality_of(const std::vector<std::string_view>& pieces) {
  int quality = 1000;
  for (const std::string_view piece : pieces) {
    const std::string parameter = to_lower(trim(piece));
    if (parameter.starts_with("q=")) {
      quality = static_cast<int>(std::strtod(parameter.c_str() + 2, nullptr) * 1000);
    }
  }
  return quality;
}

int specificity_of(std::string_view media, std::string_view type, std::string_view range) {
  if (media == type) {
    return 3;
  }
  if (media == range) {
    return 2;
  }
  return media == "*/*" ? 1 : 0;
}

// The weight Accept gives a type: the most specific range that fits decides (RFC 9110 section
// 12.5.1). Negative when none does.
int weight_of(std::string_view accept, std::string_view type, std::string_view range) {
  int weight = -1;
  int best = 0;
  for (const std::string_view part : split(accept, ',')) {
    const auto pieces = split(part, ';');
    const int specificity = specificity_of(to_lower(trim(pieces.front())), type, range);
    if (specificity > best) {
      best = specificity;
      weight = quality_of(pieces);
    }
  }
  return weight;
}

bool prefers_html(std::string_view accept) {
  const int html = weight_of(accept, "text/html", "text/*");
  return html > 0 && html >= weight_of(accept, "text/plain", "text/*") &&
         accept.find("html") != std::string_view::npos;
}

std::string plain_page(std::string_view title, std::string_view who, const ProxyError& error) {
  std::string page;
  page.append(title).append("\n").append(who).append(": ").append(to_text(error.reason));
  page.append("\n").append(error.details).append("\n");
  return page;
}

std::string html_page(std::string_view title, std::string_view who, const ProxyError& error) {
  std::string page = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>";
  page.append(title).append("</title></head>\n<body><h1>").append(title).append("</h1>\n<p>");
  page.append(escaped_html(error.details)).append("</p>\n<p><small>").append(who).append(": ");
  page.append(to_text(error.reason)).append("</small></p></body></html>\n");
  return page;
}

std::string_view speaker(ProxyErrorOrigin origin) {
  switch (origin) {
    case ProxyErrorOrigin::Server:
      return "The tunnel server says";
    case ProxyErrorOrigin::Worker:
      return "The tunnel's worker says";
    case ProxyErrorOrigin::Site:
      return "The site failed";
  }
  return "";
}

}  // namespace

std::string_view to_text(ProxyErrorOrigin origin) {
  switch (origin) {
    case ProxyErrorOrigin::Server:
      return "server";
    case ProxyErrorOrigin::Worker:
      return "worker";
    case ProxyErrorOrigin::Site:
      return "site";
  }
  return "";
}

std::string_view to_text(ProxyErrorReason reason) {
  return facts_of(reason).name;
}

int http_status(ProxyErrorReason reason) {
  return facts_of(reason).status;
}

std::string proxy_status(std::string_view node, const ProxyError& error) {
  std::string text(node);
  text.append("; error=").append(to_text(error.reason));
  if (!error.details.empty()) {
    text.append("; details=").append(quoted(error.details));
  }
  return text;
}

ErrorAnswer error_answer(std::string_view node, const ProxyError& error, std::string_view accept) {
  ErrorAnswer answer;
  answer.head.status = http_status(error.reason);
  answer.head.reason = reason_phrase(answer.head.status);
  const bool html = prefers_html(accept);
  const std::string title = std::to_string(answer.head.status) + " " + answer.head.reason;
  const std::string_view who = speaker(error.origin);
  answer.body = html ? html_page(title, who, error) : plain_page(title, who, error);
  Fields& fields = answer.head.fields;
  fields.add("Content-Type", html ? "text/html; charset=utf-8" : "text/plain; charset=utf-8");
  fields.add("Content-Length", std::to_string(answer.body.size()));
  fields.add("Cache-Control", "no-store");
  fields.add("Proxy-Status", proxy_status(node, error));
  if (answer.head.status == 503) {
    fields.add("Retry-After", "1");
  }
  return answer;
}

}  // namespace scpool
