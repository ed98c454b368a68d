#include "common/http/fields.hpp"

#include <algorithm>
#include <utility>

namespace scpool {
namespace {

constexpr std::string_view kColon = ": ";
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::size_t kFraming = kColon.size() + kLineEnd.size();

char* put(char* place, std::string_view text) {
  return std::copy(text.begin(), text.end(), place);
}

}  // namespace

Fields::Fields(std::initializer_list<Field> fields) {
  for (const Field field : fields) {
    add(field.name, field.value);
  }
}

Fields::Fields(Fields&& other) noexcept
    : text_(std::move(other.text_)),
      used_(std::exchange(other.used_, 0)),
      places_(std::move(other.places_)) {}

Fields& Fields::operator=(Fields&& other) noexcept {
  text_ = std::move(other.text_);
  used_ = std::exchange(other.used_, 0);
  places_ = std::move(other.places_);
  return *this;
}

void Fields::reserve(std::size_t count, std::size_t bytes) {
  places_.reserve(count);
  text_.resize(std::max(text_.size(), bytes + count * kFraming));
}

// Appends a line. What is given may lie in the text, so that lives until it is copied.
Fields::Place Fields::write(std::string_view name, std::string_view value) {
  const Place place{static_cast<std::uint32_t>(used_),
                    static_cast<std::uint32_t>(name.size()),
                    static_cast<std::uint32_t>(value.size())};
  const std::size_t end = used_ + name.size() + value.size() + kFraming;
  std::vector<char> outgrown;
  if (end > text_.size()) {
    std::vector<char> larger(std::max(end, 2 * text_.size()));
    put(larger.data(), {text_.data(), used_});
    outgrown = std::exchange(text_, std::move(larger));
  }
  put(put(put(put(text_.data() + used_, name), kColon), value), kLineEnd);
  used_ = end;
  return place;
}

void Fields::add(std::string_view name, std::string_view value) {
  places_.push_back(write(name, value));
}

void Fields::prepend(std::initializer_list<Field> fields) {
  auto before = places_.begin();
  for (const Field& field : fields) {
    before = places_.insert(before, write(field.name, field.value)) + 1;
  }
}

void Fields::lower_names() {
  for (const Place& place : places_) {
    make_lower(std::span(text_).subspan(place.at, place.name));
  }
}

void Fields::set(std::string_view name, std::string_view value) {
  const std::size_t first = index_of(name);
  if (first == size()) {
    add(name, value);
    return;
  }
  for (std::size_t i = index_of(name, first + 1); i < size(); i = index_of(name, i)) {
    places_.erase(places_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  places_[first] = write((*this)[first].name, value);
}

std::size_t Fields::remove(std::string_view name) {
  return remove_if([name](const Field& field) { return equals_ignoring_case(field.name, name); });
}

std::size_t Fields::index_of(std::string_view name, std::size_t from) const {
  for (std::size_t i = from; i < places_.size(); ++i) {
    if (places_[i].name == name.size() && same_letters(at(places_[i]).name, name)) {
      return i;
    }
  }
  return places_.size();
}

std::size_t Fields::count(std::string_view name) const {
  std::size_t count = 0;
  for (std::size_t i = index_of(name); i < size(); i = index_of(name, i + 1)) {
    ++count;
  }
  return count;
}

std::optional<std::string_view> Fields::find(std::string_view name) const {
  const std::size_t index = index_of(name);
  return index < size() ? std::optional((*this)[index].value) : std::nullopt;
}

bool Fields::lists(std::string_view name, std::string_view member) const {
  return any_listed(
      name, [member](std::string_view other) { return equals_ignoring_case(member, other); });
}

// Lines that follow each other in the text go as one.
void Fields::append_lines(std::string& out) const {
  std::size_t from = 0;
  std::size_t to = 0;
  for (const Place& place : places_) {
    if (place.at != to) {
      out.append(text_.data() + from, to - from);
      from = place.at;
    }
    to = place.at + place.name + place.value + kFraming;
  }
  out.append(text_.data() + from, to - from);
}

bool operator==(const Fields& left, const Fields& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end());
}

}  // namespace scpool
