#include "common/http/proxy_error.hpp"

#include <doctest/doctest.h>

using namespace scpool;

TEST_CASE("statuses follow the reason") {
  CHECK(http_status(ProxyErrorReason::DnsError) == 502);
  CHECK(http_status(ProxyErrorReason::ConnectionTimeout) == 504);
  CHECK(http_status(ProxyErrorReason::DestinationIpProhibited) == 403);
  CHECK(http_status(ProxyErrorReason::ProxyLoopDetected) == 508);
  CHECK(http_status(ProxyErrorReason::NoTunnel) == 503);
  CHECK(to_text(ProxyErrorReason::HttpResponseIncomplete) == "http_response_incomplete");
}

TEST_CASE("Proxy-Status is a structured field whatever the details hold") {
  const ProxyError error{
      ProxyErrorReason::ConnectionRefused, ProxyErrorOrigin::Site, "say \"no\" \\ \r\nX: y"};
  CHECK(proxy_status("worker-1", error) ==
        "worker-1; error=connection_refused; details=\"say \\\"no\\\" \\\\ ??X: y\"");
  CHECK(proxy_status("w", {ProxyErrorReason::DnsError, ProxyErrorOrigin::Site, ""}) ==
        "w; error=dns_error");
}

TEST_CASE("a page as the client prefers it, with its exact length") {
  const ProxyError error{
      ProxyErrorReason::NoTunnel, ProxyErrorOrigin::Server, "no <member> is ready"};
  const ErrorAnswer text = error_answer("s1", error, "*/*");
  CHECK(text.head.status == 503);
  CHECK(text.head.fields.find("Content-Length") == std::to_string(text.body.size()));
  CHECK(text.head.fields.find("Retry-After") == "1");
  CHECK(text.head.fields.find("Content-Type") == "text/plain; charset=utf-8");
  CHECK(text.body.find("no <member> is ready") != std::string::npos);

  const ErrorAnswer html =
      error_answer("s1", error, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
  CHECK(html.head.fields.find("Content-Type") == "text/html; charset=utf-8");
  CHECK(html.body.find("no &lt;member&gt; is ready") != std::string::npos);
  CHECK(error_answer("s", error, "text/html;q=0").body.find("<html") == std::string::npos);
  CHECK(error_answer("s", error, "text/html;q=0.5, text/plain").body.find("<html") ==
        std::string::npos);
}
