#include "common/tunnel/structured_fields.hpp"

#include "common/base/text.hpp"

namespace scpool {
namespace {

constexpr std::size_t kMaxDigits = 15;  // RFC 8941 section 3.3.1

bool is_lower_or_star(char c) {
  return (c >= 'a' && c <= 'z') || c == '*';
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_key_character(char c) {
  return is_lower_or_star(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
}

bool is_token_character(char c) {
  return is_letter(c) || is_digit(c) ||
         std::string_view("!#$%&'*+-.^_`|~:/").find(c) != std::string_view::npos;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool at_end() const { return text_.empty(); }
  char peek() const { return text_.empty() ? '\0' : text_.front(); }
  bool take(char c) {
    if (text_.empty() || text_.front() != c) {
      return false;
    }
    text_.remove_prefix(1);
    return true;
  }
  template <class Predicate>
  std::string_view take_while(Predicate predicate) {
    std::size_t count = 0;
    while (count < text_.size() && predicate(text_[count])) {
      ++count;
    }
    const std::string_view taken = text_.substr(0, count);
    text_.remove_prefix(count);
    return taken;
  }
  void skip_blanks() {
    take_while([](char c) { return c == ' ' || c == '\t'; });
  }

  std::optional<std::string> key();
  std::optional<StructuredValue> value();

 private:
  std::optional<StructuredValue> integer();
  std::optional<StructuredValue> string();
  std::optional<StructuredValue> token();
  std::optional<StructuredValue> list();

  std::string_view text_;
};

std::optional<std::string> Reader::key() {
  if (!is_lower_or_star(peek())) {
    return std::nullopt;
  }
  return std::string(take_while(is_key_character));
}

std::optional<StructuredValue> Reader::value() {
  if (is_digit(peek())) {
    return integer();
  }
  if (take('"')) {
    return string();
  }
  if (take('(')) {
    return list();
  }
  return token();
}

std::optional<StructuredValue> Reader::integer() {
  const std::string_view digits = take_while(is_digit);
  if (digits.size() > kMaxDigits) {
    return std::nullopt;
  }
  StructuredValue value;
  value.kind = StructuredValue::Kind::Integer;
  value.number = parse_number(digits).value_or(0);
  return value;
}

std::optional<StructuredValue> Reader::string() {
  StructuredValue value;
  value.kind = StructuredValue::Kind::Text;
  while (!at_end()) {
    if (take('"')) {
      return value;
    }
    if (take('\\')) {
      if (peek() != '"' && peek() != '\\') {
        return std::nullopt;
      }
    } else if (peek() < ' ' || peek() > '~') {
      return std::nullopt;
    }
    value.text += peek();
    text_.remove_prefix(1);
  }
  return std::nullopt;
}

std::optional<StructuredValue> Reader::token() {
  if (!is_letter(peek()) && peek() != '*') {
    return std::nullopt;
  }
  StructuredValue value;
  value.kind = StructuredValue::Kind::Token;
  value.text = take_while(is_token_character);
  return value;
}

std::optional<StructuredValue> Reader::list() {
  StructuredValue value;
  value.kind = StructuredValue::Kind::List;
  while (true) {
    const bool separated = peek() == ' ' || value.elements.empty();
    take_while([](char c) { return c == ' '; });
    if (take(')')) {
      return value;
    }
    auto element = token();
    if (!separated || !element) {
      return std::nullopt;
    }
    value.elements.push_back(std::move(element->text));
  }
}

}  // namespace

std::optional<StructuredDictionary> StructuredDictionary::parse(std::string_view text,
                                                                std::size_t max_size) {
  if (text.size() > max_size) {
    return std::nullopt;
  }
  StructuredDictionary dictionary;
  Reader reader(trim(text));
  while (!reader.at_end()) {
    auto key = reader.key();
    if (!key || dictionary.find(*key) != nullptr) {
      return std::nullopt;
    }
    StructuredValue value;
    if (reader.take('=')) {
      auto given = reader.value();
      if (!given) {
        return std::nullopt;
      }
      value = std::move(*given);
    }
    dictionary.members_.emplace_back(std::move(*key), std::move(value));
    reader.skip_blanks();
    if (reader.at_end()) {
      break;
    }
    if (!reader.take(',')) {
      return std::nullopt;
    }
    reader.skip_blanks();
    if (reader.at_end()) {
      return std::nullopt;  // a comma at the end
    }
  }
  return dictionary;
}

const StructuredValue* StructuredDictionary::find(std::string_view key) const {
  for (const auto& [name, value] : members_) {
    if (name == key) {
      return &value;
    }
  }
  return nullptr;
}

std::optional<std::uint64_t> StructuredDictionary::integer(std::string_view key) const {
  const StructuredValue* value = find(key);
  if (value == nullptr || value->kind != StructuredValue::Kind::Integer) {
    return std::nullopt;
  }
  return value->number;
}

std::optional<std::string> StructuredDictionary::string(std::string_view key) const {
  const StructuredValue* value = find(key);
  if (value == nullptr || value->kind != StructuredValue::Kind::Text) {
    return std::nullopt;
  }
  return value->text;
}

std::optional<std::vector<std::string>> StructuredDictionary::list(std::string_view key) const {
  const StructuredValue* value = find(key);
  if (value == nullptr || value->kind != StructuredValue::Kind::List) {
    return std::nullopt;
  }
  return value->elements;
}

std::string structured_string(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
    }
    quoted += c < ' ' || c > '~' ? '?' : c;
  }
  return quoted + '"';
}

}  // namespace scpool
