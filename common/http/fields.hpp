// Header fields in the order they came (RFC 9110 section 5). Names compare without case and keep
// the spelling they came with; repeated fields stay separate. HTTP/2 lists use the same type with
// lower-case names and the pseudo-header fields (":method") first. All of them lie in one text, as
// the lines HTTP/1 writes.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/text.hpp"
#include "common/http/field_store.hpp"

namespace scpool {

// Looks into its list: valid until the list changes or ends.
struct Field {
  std::string_view name;
  std::string_view value;
  friend bool operator==(const Field&, const Field&) = default;
};

class Fields {
  using Place = FieldStore::Place;

 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Field;
    using difference_type = std::ptrdiff_t;
    using pointer = const Field*;
    using reference = Field;

    Iterator(const Fields& fields, const Place* place) : fields_(&fields), place_(place) {}
    Field operator*() const { return fields_->at(*place_); }
    Iterator& operator++() {
      ++place_;
      return *this;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const Fields* fields_;
    const Place* place_;
  };

  Fields() = default;
  Fields(std::initializer_list<Field> fields);
  Fields(const Fields& other);
  Fields& operator=(const Fields& other);
  Fields(Fields&&) noexcept = default;  // the other is empty afterwards
  Fields& operator=(Fields&& other) noexcept;
  ~Fields() { drop(); }

  bool empty() const { return size() == 0; }
  std::size_t size() const { return places().size(); }
  Iterator begin() const { return {*this, places().data()}; }
  Iterator end() const { return {*this, places().data() + size()}; }
  Field operator[](std::size_t index) const { return at(places()[index]); }

  // Room for `count` fields whose names and values have `bytes` bytes together.
  void reserve(std::size_t count, std::size_t bytes);
  std::size_t bytes() const { return store_ ? store_->used : 0; }  // of removed ones too

  // Name and value may be parts of this list.
  void add(std::string_view name, std::string_view value);
  // A value of several parts, none of this list.
  void add_joined(std::string_view name, std::initializer_list<std::string_view> parts);
  // A line of a head, without its end and not of this list: name, ": ", value.
  void add_line(std::string_view line, std::size_t name_size);
  // Puts these before all others.
  void prepend(std::initializer_list<Field> fields);
  void lower_names();
  void remove_first(std::size_t count);  // count <= size()
  // Replaces all fields of that name by one at the first one's place; adds it when there is none.
  void set(std::string_view name, std::string_view value);
  // Removes all fields of that name; says how many there were.
  std::size_t remove(std::string_view name);
  template <class Predicate>
  std::size_t remove_if(Predicate predicate) {
    return store_ == nullptr ? 0 : std::erase_if(store_->places, [&](const Place& place) {
      return predicate(at(place));
    });
  }

  // False: none has a name of these FieldStore::name_bit; for rules about fields that are rare.
  bool may_contain(std::uint64_t bits) const { return store_ && (store_->names & bits) != 0; }
  bool contains(std::string_view name) const { return index_of(name) < size(); }
  std::size_t count(std::string_view name) const;
  // The value of the first field of that name; valid until the fields change.
  std::optional<std::string_view> find(std::string_view name) const {
    const std::size_t index = index_of(name);
    return index < size() ? std::optional((*this)[index].value) : std::nullopt;
  }
  // Whether `predicate` accepts a member of the fields of that name, split at commas and trimmed,
  // empty ones left out (RFC 9110 section 5.6.1).
  template <class Predicate>
  bool any_listed(std::string_view name, Predicate predicate) const;
  // Whether `member` is among them, compared without case.
  bool lists(std::string_view name, std::string_view member) const;

  // Appends the lines of HTTP/1, without the empty one that ends a head (RFC 9112 section 5).
  void append_lines(std::string& out) const;
  char* put_lines(char* out) const;  // the same into memory of at least bytes(); returns its end

  friend bool operator==(const Fields& left, const Fields& right);

 private:
  std::span<const Place> places() const {
    return store_ ? std::span<const Place>(store_->places) : std::span<const Place>();
  }
  Field at(const Place& place) const {
    const char* const line = store_->text.data() + place.at;
    return {{line, place.name}, {line + place.name + 2, place.value}};
  }
  Place write(std::string_view name, std::string_view value);
  // Of the first field of that name from index `from` on; size() when there is none.
  std::size_t index_of(std::string_view name, std::size_t from = 0) const {
    return may_contain(FieldStore::name_bit(name)) ? search(name, from) : size();
  }
  std::size_t search(std::string_view name, std::size_t from) const;

  FieldStore& store() { return *(store_ ? store_ : store_ = FieldStore::take()); }
  void drop() noexcept { store_ ? FieldStore::keep(std::move(store_)) : void(); }

  std::unique_ptr<FieldStore> store_;
};

template <class Predicate>
bool Fields::any_listed(std::string_view name, Predicate predicate) const {
  for (std::size_t i = index_of(name); i < size(); i = index_of(name, i + 1)) {
    for (std::string_view rest = (*this)[i].value; !rest.empty();) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      const std::string_view member = trim(rest.substr(0, comma));
      if (!member.empty() && predicate(member)) {
        return true;
      }
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return false;
}

}  // namespace scpool
