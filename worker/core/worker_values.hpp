// The value syntaxes of the worker's settings (reference section a.4), each apart from the others
// so that worker_config only says which setting has which. The errors say what would fit; they
// never repeat a secret.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.hpp"
#include "worker/core/worker_config.hpp"

namespace scpool::worker {

// "user[:password]@host:port", user and password percent-encoded where they hold special
// characters.
Result<SiteCredential> parse_site_credential(std::string_view text);
// "user[:password]"
Result<ApiCredential> parse_api_credential(std::string_view text);
Result<ApiAddress> parse_api_address(std::string_view text);
// "[api|proxy|control:]MODE"; without a module it is for all of them.
Result<void> take_log_http(std::string_view text, LogHttp& modes);
// "key=value"
Result<std::pair<std::string, std::string>> parse_metadata(std::string_view text);
// http only to loopback, because the access key goes this way. "/rest/v1" when there is no path.
Result<std::string> parse_rest_url(std::string_view text);
// The REST URL of one of the vendor's regions; the error names the known ones.
Result<std::string> region_rest_url(std::string_view region);

}  // namespace scpool::worker
