// Values to and from text: hexadecimal, base64, numbers, durations, sizes, times. Parsers accept
// the whole text or nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.hpp"
#include "common/base/time.hpp"

namespace scpool {

std::string to_hex(ByteView bytes);  // lower case
void append_hex(ByteView bytes, std::string& out);
bool is_hex(std::string_view text);  // at least one digit, lower case only

std::string to_base64(ByteView bytes);     // RFC 4648 section 4, padded
std::string to_base64url(ByteView bytes);  // RFC 4648 section 5, not padded
std::optional<Bytes> from_base64(std::string_view text);
std::optional<Bytes> from_base64url(std::string_view text);

// Decimal digits only, no sign, no blanks; nothing on overflow.
std::optional<std::uint64_t> parse_number(std::string_view text);

// Go syntax, as the Sauce Connect flags use it: "1h", "1m30s", "500ms", "1.5s", "0". No sign.
std::optional<Duration> parse_duration(std::string_view text);
// The same syntax back, in the largest fitting units: "1m30s", "250ms", "0s".
std::string duration_text(Duration duration);
// For tables read by people: "3d4h", "2h5m", "41s", "850ms".
std::string rough_duration(Duration duration);

// Bytes with an optional K, M or G suffix (powers of 1024, an added B or iB is accepted).
std::optional<std::uint64_t> parse_size(std::string_view text);
// For people: "512 B", "1.5 KiB", "20.0 MiB".
std::string size_text(std::uint64_t bytes);

// RFC 3339 in UTC with milliseconds: "2026-11-20T07:00:00.123Z".
std::string rfc3339(WallTime time);
// Exactly that form back.
std::optional<WallTime> parse_rfc3339(std::string_view text);

// ASCII only, whatever the locale.
std::string to_lower(std::string_view text);
void make_lower(std::span<char> text);
bool same_letters(std::string_view left, std::string_view right);  // of texts as long as each other
inline bool equals_ignoring_case(std::string_view left, std::string_view right) {
  return left.size() == right.size() && same_letters(left, right);
}
// Without spaces and tabs at both ends (OWS of RFC 9110 section 5.6.3).
std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
// Quoted for a POSIX shell when it needs it.
std::string shell_quoted(std::string_view text);

// The candidate closest to `word` by edit distance, when close enough to be a likely typing error.
std::optional<std::string> closest_match(std::string_view word,
                                         const std::vector<std::string>& candidates);

// Compares in time that depends on the lengths alone; for keys and proofs.
bool equal_in_constant_time(ByteView left, ByteView right);

}  // namespace scpool
