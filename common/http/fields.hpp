// Header fields in the order they came (RFC 9110 section 5). Names compare without case and keep
// the spelling they came with; repeated fields stay separate. HTTP/2 lists use the same type with
// lower-case names and the pseudo-header fields (":method") first.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/text.hpp"

namespace scpool {

struct Field {
  std::string name;
  std::string value;
  friend bool operator==(const Field&, const Field&) = default;
};

class Fields {
 public:
  Fields() = default;
  Fields(std::initializer_list<Field> fields) : fields_(fields) {}

  bool empty() const { return fields_.empty(); }
  std::size_t size() const { return fields_.size(); }
  void reserve(std::size_t count) { fields_.reserve(count); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  auto begin() { return fields_.begin(); }
  auto end() { return fields_.end(); }

  void add(std::string name, std::string value) {
    fields_.push_back({std::move(name), std::move(value)});
  }
  void add_copy(std::string_view name, std::string_view value) {
    Field& field = fields_.emplace_back();
    field.name.assign(name);
    field.value.assign(value);
  }
  // Replaces every field of that name by one, at the place of the first; adds it when there is
  // none.
  void set(std::string_view name, std::string value);
  // Removes all fields of that name; says how many there were.
  std::size_t remove(std::string_view name);
  template <class Predicate>
  std::size_t remove_if(Predicate predicate) {
    return std::erase_if(fields_, predicate);
  }

  bool contains(std::string_view name) const { return find(name).has_value(); }
  std::size_t count(std::string_view name) const;
  // The value of the first field of that name; valid until the fields change.
  std::optional<std::string_view> find(std::string_view name) const;
  // The members of all fields of that name, split at commas and trimmed, empty ones left out
  // (RFC 9110 section 5.6.1).
  std::vector<std::string_view> list(std::string_view name) const;
  // Whether any of them is one that `predicate` accepts.
  template <class Predicate>
  bool any_listed(std::string_view name, Predicate predicate) const;
  // Whether list(name) has this member, compared without case.
  bool lists(std::string_view name, std::string_view member) const;

  friend bool operator==(const Fields&, const Fields&) = default;

 private:
  std::vector<Field> fields_;
};

template <class Predicate>
bool Fields::any_listed(std::string_view name, Predicate predicate) const {
  for (const Field& field : fields_) {
    if (!equals_ignoring_case(field.name, name)) {
      continue;
    }
    for (std::string_view rest = field.value; !rest.empty();) {
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
