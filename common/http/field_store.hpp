// What a list of fields is made of: its lines in one text, their places, and which names they may
// have. The memory of lists that are gone serves the next ones, so that a head costs no
// allocation. Extra to the layout because fields.hpp holds no more; for fields.cpp and, to write
// heads, head_text.cpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace scpool {

struct FieldStore {
  static constexpr std::string_view kColon = ": ";
  static constexpr std::string_view kLineEnd = "\r\n";
  static constexpr std::size_t kFraming = kColon.size() + kLineEnd.size();

  struct Place {
    std::uint32_t at = 0;
    std::uint32_t name = 0;   // bytes
    std::uint32_t value = 0;  // bytes, behind the name and ": "
  };

  std::vector<char> text;  // lines up to `used`, then room
  std::size_t used = 0;
  std::vector<Place> places;
  std::uint64_t names = 0;  // name_bit of every name there was

  // One of 64 by length and first letter, whatever its case: a name whose bit is missing is not
  // there. Spread so that the usual fields rarely share one with those that rules ask for.
  static constexpr std::uint64_t name_bit(std::string_view name) {
    const unsigned first = name.empty() ? 0U : static_cast<unsigned char>(name.front()) | 0x20U;
    return std::uint64_t{1} << ((name.size() * 7 + first * 5) % 64);
  }

  bool has_room(std::size_t size) const { return used + size <= text.size(); }
  // Returns the text that was left for a larger one.
  std::vector<char> make_room(std::size_t size);
  // Append "name: value" and the line's end, for which there is room; a line as it stands in a head
  // is without its end.
  Place write(std::string_view name, std::string_view value);
  void add_line(std::string_view line, std::size_t name_size);

  // Empty, with memory of one that was kept when there is one. Per thread, at most 360 KiB.
  static std::unique_ptr<FieldStore> take();
  static void keep(std::unique_ptr<FieldStore> store);
};

inline char* put_text(char* place, std::string_view text) {
  return std::copy(text.begin(), text.end(), place);
}

inline FieldStore::Place FieldStore::write(std::string_view name, std::string_view value) {
  const Place place{static_cast<std::uint32_t>(used),
                    static_cast<std::uint32_t>(name.size()),
                    static_cast<std::uint32_t>(value.size())};
  char* const colon = put_text(text.data() + used, name);
  put_text(put_text(put_text(colon, kColon), value), kLineEnd);
  used += name.size() + value.size() + kFraming;
  names |= name_bit(name);
  return place;
}

inline void FieldStore::add_line(std::string_view line, std::size_t name_size) {
  places.push_back({static_cast<std::uint32_t>(used),
                    static_cast<std::uint32_t>(name_size),
                    static_cast<std::uint32_t>(line.size() - name_size - kColon.size())});
  put_text(put_text(text.data() + used, line), kLineEnd);
  used += line.size() + kLineEnd.size();
  names |= name_bit(line.substr(0, name_size));
}

}  // namespace scpool
