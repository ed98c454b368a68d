#include "common/http/fields.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace scpool {
namespace {

// By itself, so that the usual way has nothing to clean up.
[[gnu::noinline]] FieldStore::Place write_growing(FieldStore& store,
                                                  std::string_view name,
                                                  std::string_view value) {
  const std::vector<char> outgrown =
      store.make_room(name.size() + value.size() + FieldStore::kFraming);
  return store.write(name, value);
}

}  // namespace

Fields::Fields(std::initializer_list<Field> fields) {
  for (const Field field : fields) {
    add(field.name, field.value);
  }
}

Fields::Fields(const Fields& other) {
  if (other.store_ == nullptr) {
    return;
  }
  FieldStore& copy = store();
  copy.text.resize(std::max(copy.text.size(), other.store_->used));
  std::copy_n(other.store_->text.begin(), other.store_->used, copy.text.begin());
  copy.used = other.store_->used;
  copy.places = other.store_->places;
  copy.names = other.store_->names;
}

Fields& Fields::operator=(const Fields& other) {
  return *this = Fields(other);
}

Fields& Fields::operator=(Fields&& other) noexcept {
  if (store_ != other.store_) {  // else both are empty
    std::unique_ptr<FieldStore> taken = std::move(other.store_);
    drop();
    store_ = std::move(taken);
  }
  return *this;
}

void Fields::reserve(std::size_t count, std::size_t bytes) {
  FieldStore& own = store();
  own.places.reserve(count);
  own.text.resize(std::max(own.text.size(), bytes + count * FieldStore::kFraming));
}

// Appends a line. What is given may lie in the text, so that lives until it is copied.
Fields::Place Fields::write(std::string_view name, std::string_view value) {
  FieldStore& own = store();
  const std::size_t size = name.size() + value.size() + FieldStore::kFraming;
  return own.has_room(size) ? own.write(name, value) : write_growing(own, name, value);
}

void Fields::add(std::string_view name, std::string_view value) {
  FieldStore& own = store();
  const bool fits = own.has_room(name.size() + value.size() + FieldStore::kFraming);
  own.places.push_back(fits ? own.write(name, value) : write_growing(own, name, value));
}

void Fields::add_joined(std::string_view name, std::initializer_list<std::string_view> parts) {
  std::array<char, 256> value;
  std::size_t size = 0;
  for (const std::string_view part : parts) {
    size += part.size();
  }
  if (size > value.size()) {
    std::string large;
    for (const std::string_view part : parts) {
      large.append(part);
    }
    add(name, large);
    return;
  }
  char* end = value.data();
  for (const std::string_view part : parts) {
    end = put_text(end, part);
  }
  add(name, {value.data(), size});
}

void Fields::add_line(std::string_view line, std::size_t name_size) {
  FieldStore& own = store();
  const std::size_t size = line.size() + FieldStore::kLineEnd.size();
  if (!own.has_room(size)) {
    own.make_room(size);
  }
  own.add_line(line, name_size);
}

void Fields::prepend(std::initializer_list<Field> fields) {
  std::vector<Place>& places = store().places;
  const std::size_t others = places.size();
  places.resize(others + fields.size());
  std::copy_backward(
      places.begin(), places.begin() + static_cast<std::ptrdiff_t>(others), places.end());
  std::size_t before = 0;
  for (const Field& field : fields) {
    const Place place = write(field.name, field.value);
    places[before++] = place;
  }
}

void Fields::remove_first(std::size_t count) {
  store_->places.erase(store_->places.begin(),
                       store_->places.begin() + static_cast<std::ptrdiff_t>(count));
}

void Fields::lower_names() {
  for (const Place& place : places()) {
    make_lower({store_->text.data() + place.at, place.name});
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
  if (!may_contain(FieldStore::name_bit(name))) {
    return 0;
  }
  return remove_if([name](const Field& field) { return equals_ignoring_case(field.name, name); });
}

std::size_t Fields::search(std::string_view name, std::size_t from) const {
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

bool Fields::lists(std::string_view name, std::string_view member) const {
  return any_listed(
      name, [member](std::string_view other) { return equals_ignoring_case(member, other); });
}

void Fields::append_lines(std::string& out) const {
  const std::size_t before = out.size();
  out.resize(before + bytes());
  const char* const end = put_lines(out.data() + before);
  out.resize(static_cast<std::size_t>(end - out.data()));
}

// Lines that follow each other in the text go as one.
char* Fields::put_lines(char* out) const {
  std::string_view run;
  for (const Place& place : places()) {
    const char* const line = store_->text.data() + place.at;
    const std::size_t size = place.name + place.value + FieldStore::kFraming;
    if (run.data() + run.size() == line) {
      run = {run.data(), run.size() + size};
    } else {
      out = put_text(out, run);
      run = {line, size};
    }
  }
  return put_text(out, run);
}

bool operator==(const Fields& left, const Fields& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end());
}

}  // namespace scpool
