// Heads as text: what message_head.hpp declares for writing, and its small checks.
#include <algorithm>
#include <array>

#include "common/http/characters.hpp"
#include "common/http/message_head.hpp"

namespace scpool {
namespace {

struct Phrase {
  int status;
  std::string_view text;
};

// The registry of RFC 9110 section 16.2.1, in order.
constexpr std::array kFirstPhrases = {
    Phrase{100, "Continue"},
    Phrase{101, "Switching Protocols"},
    Phrase{102, "Processing"},
    Phrase{103, "Early Hints"},
    Phrase{200, "OK"},
    Phrase{201, "Created"},
    Phrase{202, "Accepted"},
    Phrase{203, "Non-Authoritative Information"},
    Phrase{204, "No Content"},
    Phrase{205, "Reset Content"},
    Phrase{206, "Partial Content"},
    Phrase{207, "Multi-Status"},
    Phrase{208, "Already Reported"},
    Phrase{226, "IM Used"},
    Phrase{300, "Multiple Choices"},
    Phrase{301, "Moved Permanently"},
    Phrase{302, "Found"},
    Phrase{303, "See Other"},
    Phrase{304, "Not Modified"},
    Phrase{305, "Use Proxy"},
    Phrase{307, "Temporary Redirect"},
    Phrase{308, "Permanent Redirect"},
};

constexpr std::array kErrorPhrases = {
    Phrase{400, "Bad Request"},
    Phrase{401, "Unauthorized"},
    Phrase{402, "Payment Required"},
    Phrase{403, "Forbidden"},
    Phrase{404, "Not Found"},
    Phrase{405, "Method Not Allowed"},
    Phrase{406, "Not Acceptable"},
    Phrase{407, "Proxy Authentication Required"},
    Phrase{408, "Request Timeout"},
    Phrase{409, "Conflict"},
    Phrase{410, "Gone"},
    Phrase{411, "Length Required"},
    Phrase{412, "Precondition Failed"},
    Phrase{413, "Content Too Large"},
    Phrase{414, "URI Too Long"},
    Phrase{415, "Unsupported Media Type"},
    Phrase{416, "Range Not Satisfiable"},
    Phrase{417, "Expectation Failed"},
    Phrase{421, "Misdirected Request"},
    Phrase{422, "Unprocessable Content"},
    Phrase{423, "Locked"},
    Phrase{424, "Failed Dependency"},
    Phrase{425, "Too Early"},
    Phrase{426, "Upgrade Required"},
    Phrase{428, "Precondition Required"},
    Phrase{429, "Too Many Requests"},
    Phrase{431, "Request Header Fields Too Large"},
    Phrase{451, "Unavailable For Legal Reasons"},
    Phrase{500, "Internal Server Error"},
    Phrase{501, "Not Implemented"},
    Phrase{502, "Bad Gateway"},
    Phrase{503, "Service Unavailable"},
    Phrase{504, "Gateway Timeout"},
    Phrase{505, "HTTP Version Not Supported"},
    Phrase{506, "Variant Also Negotiates"},
    Phrase{507, "Insufficient Storage"},
    Phrase{508, "Loop Detected"},
    Phrase{511, "Network Authentication Required"},
};

constexpr std::string_view kLineEnd = FieldStore::kLineEnd;

std::string_view version_text(int minor_version) {
  return minor_version == 0 ? "HTTP/1.0" : "HTTP/1.1";
}

// Behind what is there, for a start line with its end, the fields and the empty line.
char* make_room(std::string& out, std::size_t start_line, const Fields& fields) {
  const std::size_t before = out.size();
  out.resize(before + start_line + fields.bytes() + kLineEnd.size());
  return out.data() + before;
}

// Lines of removed fields had room, too.
void put_rest(char* place, const Fields& fields, std::string& out) {
  const char* const end = put_text(fields.put_lines(put_text(place, kLineEnd)), kLineEnd);
  out.resize(static_cast<std::size_t>(end - out.data()));
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && http::all_in_class(text, http::CharacterClass::Token);
}

bool is_field_value(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  if (!text.empty() && (is_blank(text.front()) || is_blank(text.back()))) {
    return false;
  }
  return http::is_value_text(text);
}

void write_head(const RequestHead& head, std::string& out) {
  constexpr std::string_view kStartLineRest = "  HTTP/1.1\r\n";
  char* place =
      make_room(out, head.method.size() + head.target.size() + kStartLineRest.size(), head.fields);
  place = put_text(put_text(place, head.method), " ");
  place = put_text(put_text(place, head.target), " ");
  put_rest(put_text(place, version_text(head.minor_version)), head.fields, out);
}

void write_head(const ResponseHead& head, std::string& out) {
  constexpr std::string_view kStartLineRest = "HTTP/1.1  \r\n";
  const std::string status = std::to_string(head.status);
  char* place =
      make_room(out, status.size() + head.reason.size() + kStartLineRest.size(), head.fields);
  place = put_text(put_text(place, version_text(head.minor_version)), " ");
  place = put_text(put_text(place, status), " ");
  put_rest(put_text(place, head.reason), head.fields, out);
}

std::string_view reason_phrase(int status) {
  const auto in = [status](const auto& phrases) -> std::string_view {
    const auto known = std::find_if(phrases.begin(), phrases.end(), [status](const Phrase& phrase) {
      return phrase.status == status;
    });
    return known == phrases.end() ? "Unknown" : known->text;
  };
  return status < 400 ? in(kFirstPhrases) : in(kErrorPhrases);
}

}  // namespace scpool
