#include "common/io/http_transfer.hpp"

#include <curl/curl.h>
#include <openssl/ssl.h>

#include <fstream>
#include <iterator>
#include <utility>

#include "common/base/check.hpp"
#include "common/base/text.hpp"

namespace scpool {
namespace {

constexpr long kKeptConnections = 16;
// Answers are short, and many workers are asked at once.
constexpr long kBufferSize = 4096;

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
  SCPOOL_CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
}

}  // namespace

CurlMulti* new_curl_multi() {
  static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  SCPOOL_CHECK(kReady == CURLE_OK);
  CURLM* multi = curl_multi_init();
  SCPOOL_CHECK(multi != nullptr);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, kKeptConnections);
  return multi;
}

Result<TrustStore*> TlsRoots::with(const std::vector<std::string>& ca_files, bool only_these) {
  auto found = stores_.find({ca_files, only_these});
  if (found == stores_.end()) {
    auto made = TrustStore::of(ca_files, only_these);
    if (!made) {
      return made.error();
    }
    found = stores_.emplace(std::pair(ca_files, only_these), std::move(made).value()).first;
  }
  return &found->second;
}

void TlsRoots::forget() {
  for (auto& [wish, store] : stores_) {
    store.forget();
  }
}

HttpTransfer::HttpTransfer(HttpCall call) : call_(std::move(call)), easy_(curl_easy_init()) {
  SCPOOL_CHECK(easy_ != nullptr);
}

HttpTransfer::~HttpTransfer() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(lines_);
}

bool HttpTransfer::prepare(TlsRoots& roots) {
  static_assert(CURL_ERROR_SIZE == std::tuple_size_v<decltype(problem_)>);
  if (call_.unix_socket.empty()) {
    auto found = roots.with(call_.ca_files, call_.only_these_cas);
    if (!found) {
      failed_ = found.error();
      return false;
    }
    roots_ = found.value();
    extra_roots_ = call_.only_these_cas ? "only these\n" : "";  // what stands before PEM is skipped
    for (const std::string& file : call_.ca_files) {
      extra_roots_ += content_of(file);
    }
  }
  const auto milliseconds = static_cast<long>(
      std::chrono::ceil<std::chrono::milliseconds>(std::max(call_.timeout, Duration{1})).count());
  set(easy_, CURLOPT_ERRORBUFFER, problem_.data());
  set(easy_, CURLOPT_NOSIGNAL, 1L);
  set(easy_, CURLOPT_BUFFERSIZE, kBufferSize);
  set(easy_, CURLOPT_QUICK_EXIT, 1L);  // a cancelled call does not wait for its name to resolve
  set(easy_, CURLOPT_TIMEOUT_MS, milliseconds);
  set(easy_, CURLOPT_CONNECTTIMEOUT_MS, milliseconds);
  set(easy_, CURLOPT_PROXY, call_.proxy.c_str());  // whatever the environment says
  set(easy_, CURLOPT_NOPROXY, "");
  set(easy_, CURLOPT_CERTINFO, call_.wants_certificate_end ? 1L : 0L);
  set(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy_, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(easy_, CURLOPT_URL, call_.url.c_str());
  if (!call_.unix_socket.empty()) {
    set(easy_, CURLOPT_UNIX_SOCKET_PATH, call_.unix_socket.c_str());
  }
  set(easy_, CURLOPT_HEADERFUNCTION, &on_head);
  set(easy_, CURLOPT_HEADERDATA, this);
  set(easy_, CURLOPT_WRITEFUNCTION, &on_body);
  set(easy_, CURLOPT_WRITEDATA, this);
  set_request();
  set_security();
  return true;
}

void HttpTransfer::set_request() {
  const bool has_body = !call_.body.empty() || call_.method == "POST" || call_.method == "PUT";
  if (call_.method == "HEAD") {
    set(easy_, CURLOPT_NOBODY, 1L);
  } else if (has_body) {
    set(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call_.body.size()));
    set(easy_, CURLOPT_POSTFIELDS, call_.body.c_str());
  }
  set(easy_, CURLOPT_CUSTOMREQUEST, call_.method == "HEAD" ? nullptr : call_.method.c_str());
  const auto add_line = [this](const std::string& line) {
    lines_ = curl_slist_append(lines_, line.c_str());
  };
  for (const Field field : call_.fields) {
    std::string line(field.name);
    line.append(field.value.empty() ? ";" : ": ").append(field.value);
    add_line(line);
  }
  // What curl would add by itself: no waiting for a 100, no invented media type.
  add_line("Expect:");
  if (has_body && !call_.fields.contains("Content-Type")) {
    add_line("Content-Type:");
  }
  set(easy_, CURLOPT_HTTPHEADER, lines_);
}

void HttpTransfer::set_security() {
  if (!call_.user.empty()) {
    set(easy_, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    set(easy_, CURLOPT_USERNAME, call_.user.c_str());
    set(easy_, CURLOPT_PASSWORD, call_.password.reveal().c_str());
  }
  set(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (roots_ != nullptr) {
    // The roots are set in on_tls: curl would read the system's for itself, and keep them for a
    // day. The blob keeps connections apart that were verified against other roots: curl compares
    // it before it uses a kept connection.
    curl_blob blob{extra_roots_.data(), extra_roots_.size(), CURL_BLOB_COPY};
    set(easy_, CURLOPT_CAINFO, nullptr);
    set(easy_, CURLOPT_CAPATH, nullptr);
    if (!extra_roots_.empty()) {
      set(easy_, CURLOPT_CAINFO_BLOB, &blob);
    }
    set(easy_, CURLOPT_SSL_CTX_FUNCTION, &on_tls);
    set(easy_, CURLOPT_SSL_CTX_DATA, this);
  }
}

int HttpTransfer::on_tls(CurlEasy* /*easy*/, void* ssl_context, void* self) noexcept {
  auto* transfer = static_cast<HttpTransfer*>(self);
  const Result<x509_store_st*> trusted = transfer->roots_->load();
  if (!trusted) {
    transfer->failed_ = trusted.error();
    return CURLE_SSL_CACERT_BADFILE;
  }
  SSL_CTX_set1_cert_store(static_cast<SSL_CTX*>(ssl_context), trusted.value());
  transfer->roots_lent_ = true;
  return CURLE_OK;
}

// The handshake is done. curl keeps its TLS context as long as the connection: it is left an empty
// store.
void HttpTransfer::take_back_roots() {
  curl_tlssessioninfo* tls = nullptr;
  if (std::exchange(roots_lent_, false) &&
      curl_easy_getinfo(easy_, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK && tls != nullptr &&
      tls->backend == CURLSSLBACKEND_OPENSSL && tls->internals != nullptr) {
    SSL_CTX_set_cert_store(SSL_get_SSL_CTX(static_cast<SSL*>(tls->internals)), X509_STORE_new());
  }
}

std::size_t HttpTransfer::on_head(char* bytes,
                                  std::size_t one,
                                  std::size_t size,
                                  void* self) noexcept {
  static_cast<HttpTransfer*>(self)->take_back_roots();
  static_cast<HttpTransfer*>(self)->take_field_line({bytes, one * size});
  return one * size;
}

void HttpTransfer::take_field_line(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) {
    line.remove_suffix(1);
  }
  const std::size_t colon = line.find(':');
  if (line.starts_with("HTTP/")) {
    answer_.fields = Fields{};  // an interim response (1xx) came before
  } else if (colon != std::string_view::npos) {
    answer_.fields.add(line.substr(0, colon), trim(line.substr(colon + 1)));
  }
}

std::size_t HttpTransfer::on_body(char* bytes,
                                  std::size_t one,
                                  std::size_t size,
                                  void* self) noexcept {
  auto* transfer = static_cast<HttpTransfer*>(self);
  const std::size_t count = one * size;
  if (count > transfer->call_.max_body - transfer->answer_.body.size()) {
    transfer->too_large_ = true;
    return 0;
  }
  transfer->answer_.body.append(bytes, count);
  return count;
}

// "Expire date:Nov 20 07:00:00 2026 GMT" of the first certificate, which is the server's own.
std::optional<WallTime> HttpTransfer::certificate_end() const {
  constexpr std::string_view kLabel = "Expire date:";
  curl_certinfo* chain = nullptr;
  if (curl_easy_getinfo(easy_, CURLINFO_CERTINFO, &chain) != CURLE_OK || chain == nullptr ||
      chain->num_of_certs < 1) {
    return std::nullopt;
  }
  for (const curl_slist* line = chain->certinfo[0]; line != nullptr; line = line->next) {
    const std::string_view text = line->data;
    if (text.starts_with(kLabel)) {
      const auto seconds = curl_getdate(line->data + kLabel.size(), nullptr);
      return seconds < 0 ? std::nullopt : std::optional(wall_time_from_unix(seconds));
    }
  }
  return std::nullopt;
}

void HttpTransfer::finish(int curl_code) {
  if (curl_code != CURLE_OK) {
    failed_ = failed_.has_value() ? failed_ : failure(curl_code);
    return;
  }
  answer_.certificate_end = certificate_end();
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  answer_.status = static_cast<int>(status);
}

Error HttpTransfer::failure(int curl_code) const {
  const auto code = static_cast<CURLcode>(curl_code);
  const std::string words = problem_.front() != '\0' ? problem_.data() : curl_easy_strerror(code);
  const std::string where = call_.method + " " + call_.url;
  const auto say = [&where](ErrorKind kind, const std::string& what) {
    return Error{kind, where + ": " + what};
  };
  if (too_large_) {
    return say(ErrorKind::Exhausted, "the answer is larger than " + size_text(call_.max_body));
  }
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return say(ErrorKind::TimedOut, "no complete answer within " + duration_text(call_.timeout));
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return say(ErrorKind::Denied, words);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
      return say(ErrorKind::Unreachable, words);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_LOGIN_DENIED:
      return say(ErrorKind::Invalid, words);
    default:
      return say(ErrorKind::Protocol, words);
  }
}

Result<HttpAnswer> HttpTransfer::take_answer() {
  if (failed_.has_value()) {
    return *failed_;
  }
  return std::move(answer_);
}

}  // namespace scpool
