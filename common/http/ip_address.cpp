#include "common/http/ip_address.hpp"

#include <algorithm>
#include <charconv>

#include "common/base/text.hpp"

namespace scpool {
namespace {

constexpr std::size_t kGroups = 8;
using Groups = std::array<std::uint16_t, kGroups>;

// Takes what stands before the next separator, or the rest; the separator goes, too.
std::string_view take_part(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

std::optional<IpAddress> parse_v4(std::string_view text) {
  constexpr std::size_t kDots = 3;
  IpAddress address;
  std::size_t dots = 0;
  std::size_t digits = 0;  // of this part
  unsigned number = 0;
  for (const char c : text) {
    if (c == '.' && digits > 0 && dots < kDots) {
      address.bytes[dots++] = static_cast<std::uint8_t>(number);
      digits = 0;
      number = 0;
      continue;
    }
    const bool leads_with_zero = digits > 0 && number == 0;
    if (c < '0' || c > '9' || leads_with_zero) {
      return std::nullopt;
    }
    number = number * 10 + static_cast<unsigned>(c - '0');
    ++digits;
    if (number > 255) {
      return std::nullopt;
    }
  }
  if (dots != kDots || digits == 0) {
    return std::nullopt;
  }
  address.bytes[dots] = static_cast<std::uint8_t>(number);
  return address;
}

// The groups of one side of "::", or of the whole; an IPv4 address may end it. Nothing when a group
// is wrong or there are too many.
struct GroupList {
  Groups groups{};
  std::size_t count = 0;
};

std::optional<GroupList> parse_groups(std::string_view text, bool may_end_in_v4) {
  GroupList list;
  if (text.empty()) {
    return list;
  }
  for (bool is_last = false; !is_last;) {
    is_last = text.find(':') == std::string_view::npos;
    const std::string_view part = take_part(text, ':');
    if (is_last && may_end_in_v4 && part.find('.') != std::string_view::npos) {
      const auto v4 = parse_v4(part);
      if (!v4 || list.count + 2 > kGroups) {
        return std::nullopt;
      }
      const auto& bytes = v4->bytes;
      list.groups.at(list.count++) = static_cast<std::uint16_t>(bytes[0] * 256 + bytes[1]);
      list.groups.at(list.count++) = static_cast<std::uint16_t>(bytes[2] * 256 + bytes[3]);
      continue;
    }
    std::uint16_t group = 0;
    const auto* const end = part.data() + part.size();
    const auto [stop, error] = std::from_chars(part.data(), end, group, 16);
    if (part.empty() || part.size() > 4 || error != std::errc() || stop != end ||
        list.count == kGroups) {
      return std::nullopt;
    }
    list.groups.at(list.count++) = group;
  }
  return list;
}

std::optional<IpAddress> parse_v6(std::string_view text) {
  const std::size_t gap = text.find("::");
  const bool has_gap = gap != std::string_view::npos;
  const auto head = parse_groups(text.substr(0, gap), !has_gap);
  const auto tail = parse_groups(has_gap ? text.substr(gap + 2) : "", true);
  if (!head || !tail) {
    return std::nullopt;
  }
  const std::size_t count = head->count + tail->count;
  if (has_gap ? count >= kGroups : count != kGroups) {
    return std::nullopt;
  }
  Groups groups = head->groups;
  for (std::size_t i = 0; i < tail->count; ++i) {
    groups.at(kGroups - tail->count + i) = tail->groups.at(i);
  }
  IpAddress address;
  address.family = IpAddress::Family::V6;
  for (std::size_t i = 0; i < kGroups; ++i) {
    address.bytes.at(2 * i) = static_cast<std::uint8_t>(groups.at(i) >> 8U);
    address.bytes.at(2 * i + 1) = static_cast<std::uint8_t>(groups.at(i) & 255U);
  }
  return address;
}

IpAddress v4_at(const std::array<std::uint8_t, 16>& bytes, std::size_t offset) {
  IpAddress address;
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), 4, address.bytes.begin());
  return address;
}

// The longest run of two or more zero groups, the first of equals (RFC 5952 section 4.2).
struct Run {
  std::size_t begin = kGroups;
  std::size_t size = 0;
};

Run longest_zero_run(const Groups& groups) {
  Run longest;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= kGroups; ++i) {
    if (i < kGroups && groups.at(i) == 0) {
      continue;
    }
    if (i - begin > longest.size && i - begin >= 2) {
      longest = {begin, i - begin};
    }
    begin = i + 1;
  }
  return longest;
}

std::string v6_text(const IpAddress& address) {
  Groups groups{};
  for (std::size_t i = 0; i < kGroups; ++i) {
    groups.at(i) =
        static_cast<std::uint16_t>(address.bytes.at(2 * i) * 256 + address.bytes.at(2 * i + 1));
  }
  const Run zeros = longest_zero_run(groups);
  std::string text;
  for (std::size_t i = 0; i < kGroups; ++i) {
    if (i == zeros.begin) {
      text += "::";
      i += zeros.size - 1;
      continue;
    }
    if (!text.empty() && !text.ends_with(':')) {
      text += ':';
    }
    std::array<char, 8> digits{};
    const auto result =
        std::to_chars(digits.data(), digits.data() + digits.size(), groups.at(i), 16);
    text.append(digits.data(), result.ptr);
  }
  return text;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  constexpr std::size_t kLongest = 45;
  if (text.size() > kLongest) {
    return std::nullopt;
  }
  return text.find(':') == std::string_view::npos ? parse_v4(text) : parse_v6(text);
}

std::string IpAddress::text() const {
  if (family == Family::V6) {
    return v6_text(*this);
  }
  std::string text;
  for (std::size_t i = 0; i < 4; ++i) {
    text += (i == 0 ? "" : ".") + std::to_string(bytes.at(i));
  }
  return text;
}

std::optional<IpAddress> IpAddress::embedded_v4() const {
  if (family == Family::V4) {
    return std::nullopt;
  }
  const auto begins_with = [this](std::initializer_list<std::uint8_t> prefix) {
    return std::equal(prefix.begin(), prefix.end(), bytes.begin());
  };
  const bool compatible = begins_with({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  const bool mapped = begins_with({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}) ||
                      begins_with({0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0});
  const bool nat64 = begins_with({0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}) ||
                     begins_with({0, 0x64, 0xff, 0x9b, 0, 1});
  if (compatible || mapped || nat64) {
    return v4_at(bytes, 12);
  }
  if (begins_with({0x20, 0x02})) {
    return v4_at(bytes, 2);
  }
  return std::nullopt;
}

}  // namespace scpool
