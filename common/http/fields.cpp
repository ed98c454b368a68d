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

Fields::Fields(const Fields& other)
    : store_(other.store_ ? std::make_unique<Store>(*other.store_) : nullptr) {}

Fields& Fields::operator=(const Fields& other) {
  return *this = Fields(other);
}

Fields::Store& Fields::store() {
  if (store_ == nullptr) {
    store_ = std::make_unique<Store>();
  }
  return *store_;
}

void Fields::reserve(std::size_t count, std::size_t bytes) {
  store().places.reserve(count);
  store().text.resize(std::max(store().text.size(), bytes + count * kFraming));
}

// Appends a line. What is given may lie in the text, so that lives until it is copied.
Fields::Place Fields::write(std::string_view name, std::string_view value) {
  auto& [text, used, places] = store();
  const Place place{static_cast<std::uint32_t>(used),
                    static_cast<std::uint32_t>(name.size()),
                    static_cast<std::uint32_t>(value.size())};
  const std::size_t end = used + name.size() + value.size() + kFraming;
  std::vector<char> outgrown;
  if (end > text.size()) {
    std::vector<char> larger(std::max(end, 2 * text.size()));
    put(larger.data(), {text.data(), used});
    outgrown = std::exchange(text, std::move(larger));
  }
  put(put(put(put(text.data() + used, name), kColon), value), kLineEnd);
  used = end;
  return place;
}

void Fields::add(std::string_view name, std::string_view value) {
  const Place place = write(name, value);
  store_->places.push_back(place);
}

void Fields::prepend(std::initializer_list<Field> fields) {
  std::ptrdiff_t before = 0;
  for (const Field& field : fields) {
    const Place place = write(field.name, field.value);
    store_->places.insert(store_->places.begin() + before++, place);
  }
}

void Fields::lower_names() {
  for (const Place& place : places()) {
    make_lower(std::span(store_->text).subspan(place.at, place.name));
  }
}

void Fields::set(std::string_view name, std::string_view value) {
  const std::size_t first = index_of(name);
  if (first == size()) {
    add(name, value);
    return;
  }
  for (std::size_t i = index_of(name, first + 1); i < size(); i = index_of(name, i)) {
    store_->places.erase(store_->places.begin() + static_cast<std::ptrdiff_t>(i));
  }
  store_->places[first] = write((*this)[first].name, value);
}

std::size_t Fields::remove(std::string_view name) {
  return remove_if([name](const Field& field) { return equals_ignoring_case(field.name, name); });
}

std::size_t Fields::index_of(std::string_view name, std::size_t from) const {
  const std::span<const Place> places = this->places();
  for (std::size_t i = from; i < places.size(); ++i) {
    if (places[i].name == name.size() && same_letters(at(places[i]).name, name)) {
      return i;
    }
  }
  return places.size();
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
  std::string_view run;
  for (const Place& place : places()) {
    const char* const line = store_->text.data() + place.at;
    const std::size_t size = place.name + place.value + kFraming;
    if (run.data() + run.size() == line) {
      run = {run.data(), run.size() + size};
    } else {
      out.append(run);
      run = {line, size};
    }
  }
  out.append(run);
}

bool operator==(const Fields& left, const Fields& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end());
}

}  // namespace scpool
