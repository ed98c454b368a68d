#include "common/http/fields.hpp"

#include <algorithm>

namespace scpool {

void Fields::set(std::string_view name, std::string value) {
  const auto same = [name](const Field& field) { return equals_ignoring_case(field.name, name); };
  const auto first = std::find_if(fields_.begin(), fields_.end(), same);
  if (first == fields_.end()) {
    add(std::string(name), std::move(value));
    return;
  }
  first->value = std::move(value);
  fields_.erase(std::remove_if(first + 1, fields_.end(), same), fields_.end());
}

std::size_t Fields::remove(std::string_view name) {
  return remove_if([name](const Field& field) { return equals_ignoring_case(field.name, name); });
}

std::size_t Fields::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(fields_.begin(), fields_.end(), [name](const Field& field) {
        return equals_ignoring_case(field.name, name);
      }));
}

std::optional<std::string_view> Fields::find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (equals_ignoring_case(field.name, name)) {
      return field.value;
    }
  }
  return std::nullopt;
}

std::vector<std::string_view> Fields::list(std::string_view name) const {
  std::vector<std::string_view> members;
  any_listed(name, [&members](std::string_view member) {
    members.push_back(member);
    return false;
  });
  return members;
}

bool Fields::lists(std::string_view name, std::string_view member) const {
  return any_listed(
      name, [member](std::string_view other) { return equals_ignoring_case(member, other); });
}

}  // namespace scpool
