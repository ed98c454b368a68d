#include "common/http/field_rules.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <span>

#include "common/base/random.hpp"
#include "common/base/text.hpp"

namespace scpool {
namespace {

constexpr std::string_view kWebSocketGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kWebSocketKeySize = 16;
constexpr std::uint64_t kHopByHopBits =
    FieldStore::name_bit("te") | FieldStore::name_bit("trailer") | FieldStore::name_bit("upgrade") |
    FieldStore::name_bit("connection") | FieldStore::name_bit("keep-alive") |
    FieldStore::name_bit("http2-settings") | FieldStore::name_bit("proxy-connection") |
    FieldStore::name_bit("transfer-encoding") | FieldStore::name_bit("proxy-authenticate") |
    FieldStore::name_bit("proxy-authorization");

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::any_of(names.begin(), names.end(), [name](std::string_view other) {
    return equals_ignoring_case(name, other);
  });
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return is_one_of(name, std::span(names.begin(), names.size()));
}

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

}  // namespace

bool is_hop_by_hop(std::string_view name) {
  switch (name.size()) {
    case 2:
      return equals_ignoring_case(name, "te");
    case 7:
      return equals_ignoring_case(name, "trailer") || equals_ignoring_case(name, "upgrade");
    case 10:
      return equals_ignoring_case(name, "connection") || equals_ignoring_case(name, "keep-alive");
    case 14:
      return equals_ignoring_case(name, "http2-settings");
    case 16:
      return equals_ignoring_case(name, "proxy-connection");
    case 17:
      return equals_ignoring_case(name, "transfer-encoding");
    case 18:
      return equals_ignoring_case(name, "proxy-authenticate");
    case 19:
      return equals_ignoring_case(name, "proxy-authorization");
    default:
      return false;
  }
}

std::optional<HeadProblem> remove_hop_by_hop(Fields& fields) {
  if (!fields.may_contain(kHopByHopBits)) {
    return std::nullopt;
  }
  std::optional<HeadProblem> problem;
  std::vector<std::string_view> listed;
  fields.any_listed("Connection", [&problem, &listed](std::string_view member) {
    if (is_one_of(member, {"close", "keep-alive", "te", "upgrade"})) {
      return false;
    }
    if (is_one_of(member, {"host", "content-length"})) {
      problem = {400, "Connection names " + std::string(member)};
    } else if (!is_token(member)) {
      problem = {400, "Connection is not a list of names"};
    } else {
      listed.push_back(member);
    }
    return problem.has_value();
  });
  if (problem) {
    return problem;
  }
  const bool takes_trailers = fields.lists("TE", "trailers");
  fields.remove_if([&listed](const Field& field) {
    return is_hop_by_hop(field.name) || (!listed.empty() && is_one_of(field.name, listed));
  });
  if (takes_trailers) {
    fields.add("TE", "trailers");
  }
  return std::nullopt;
}

void remove_internal_fields(Fields& fields) {
  constexpr std::string_view kPrefix = "tunnel-";
  fields.remove_if([kPrefix](const Field& field) {
    return (field.name.starts_with('t') || field.name.starts_with('T')) &&
           equals_ignoring_case(field.name.substr(0, kPrefix.size()), kPrefix);
  });
}

void add_via(Fields& fields, std::string_view version, std::string_view pseudonym) {
  fields.add_joined("Via", {version, " ", pseudonym});
}

bool via_names(const Fields& fields, std::string_view pseudonym) {
  return fields.any_listed("Via", [pseudonym](std::string_view hop) {
    const auto* const version_end = std::find_if(hop.begin(), hop.end(), is_blank);
    const std::string_view by = trim({version_end, hop.end()});
    const auto* const by_end =
        std::find_if(by.begin(), by.end(), [](char c) { return is_blank(c) || c == '('; });
    return equals_ignoring_case({by.begin(), by_end}, pseudonym);
  });
}

bool is_websocket_upgrade(const RequestHead& head) {
  const Fields& fields = head.fields;
  if (head.method != "GET" || head.minor_version != 1 || fields.count("Upgrade") != 1 ||
      !equals_ignoring_case(*fields.find("Upgrade"), "websocket") ||
      !fields.lists("Connection", "upgrade")) {
    return false;
  }
  if (fields.count("Sec-WebSocket-Key") != 1 || fields.count("Sec-WebSocket-Version") != 1 ||
      *fields.find("Sec-WebSocket-Version") != "13" || fields.contains("Content-Length") ||
      fields.contains("Transfer-Encoding")) {
    return false;
  }
  const auto key = from_base64(*fields.find("Sec-WebSocket-Key"));
  return key && key->size() == kWebSocketKeySize;
}

std::string websocket_accept(std::string_view key) {
  std::string text(key);
  text.append(kWebSocketGuid);
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  const ByteView bytes = as_bytes(text);
  SHA1(bytes.data(), bytes.size(), digest.data());
  return to_base64(digest);
}

std::string new_websocket_key() {
  return to_base64(random_secret_bytes(kWebSocketKeySize));
}

void add_websocket_fields(RequestHead& head, std::string_view key) {
  head.fields.add("Upgrade", "websocket");
  head.fields.add("Connection", "Upgrade");
  head.fields.add("Sec-WebSocket-Key", key);
}

}  // namespace scpool
