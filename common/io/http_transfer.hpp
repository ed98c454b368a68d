// One HTTP call as a curl handle: its options, its answer, and what its failure means. Extra to
// the layout because http_client drives calls and this knows what one is. For http_client alone.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/io/http_client.hpp"
#include "common/tls/trust_store.hpp"

struct curl_slist;

namespace scpool {

// curl's own handles are void pointers.
using CurlEasy = void;
using CurlMulti = void;

CurlMulti* new_curl_multi();

// The trusted roots for each list of CA files, with the system's or without; the files are read
// once.
class TlsRoots {
 public:
  Result<TrustStore*> with(const std::vector<std::string>& ca_files, bool only_these);
  void forget();

 private:
  std::map<std::pair<std::vector<std::string>, bool>, TrustStore> stores_;
};

class HttpTransfer {
 public:
  explicit HttpTransfer(HttpCall call);
  HttpTransfer(const HttpTransfer&) = delete;
  HttpTransfer& operator=(const HttpTransfer&) = delete;
  ~HttpTransfer();

  // False when the call has failed already; take_answer() then tells why.
  bool prepare(TlsRoots& roots);
  CurlEasy* easy() const { return easy_; }
  void finish(int curl_code);
  Result<HttpAnswer> take_answer();

 private:
  void set_request();
  void set_security();
  void take_field_line(std::string_view line);
  void take_back_roots();
  Error failure(int curl_code) const;
  std::optional<WallTime> certificate_end() const;

  static std::size_t on_head(char* bytes, std::size_t one, std::size_t size, void* self) noexcept;
  static std::size_t on_body(char* bytes, std::size_t one, std::size_t size, void* self) noexcept;
  static int on_tls(CurlEasy* easy, void* ssl_context, void* self) noexcept;

  HttpCall call_;
  CurlEasy* easy_;
  curl_slist* lines_ = nullptr;
  TrustStore* roots_ = nullptr;
  bool roots_lent_ = false;  // to a handshake of curl's
  std::string extra_roots_;
  HttpAnswer answer_;
  std::optional<Error> failed_;
  bool too_large_ = false;
  std::array<char, 256> problem_{};  // CURL_ERROR_SIZE; in words, by curl
};

}  // namespace scpool
