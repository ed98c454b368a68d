#include "common/http/domain_rules.hpp"

#include <re2/re2.h>
#include <re2/set.h>

namespace scpool {
namespace {

RE2::Options options() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_case_sensitive(false);  // host names have no case
  return options;
}

}  // namespace

struct DomainRules::Compiled {
  RE2::Set included{options(), RE2::UNANCHORED};
  RE2::Set excluded{options(), RE2::UNANCHORED};
  bool has_included = false;
  bool has_excluded = false;

  Result<void> add(const std::string& rule);
};

DomainRules::DomainRules() = default;
DomainRules::DomainRules(DomainRules&&) noexcept = default;
DomainRules& DomainRules::operator=(DomainRules&&) noexcept = default;
DomainRules::~DomainRules() = default;

Result<void> DomainRules::Compiled::add(const std::string& rule) {
  const bool excludes = rule.starts_with('-');
  const std::string expression = excludes ? rule.substr(1) : rule;
  const std::string named = "the domain rule \"" + rule + "\" is ";
  if (expression.empty()) {
    return Error(ErrorKind::Invalid, named + "empty");
  }
  std::string problem;
  const std::string pattern = expression == "all" ? ".*" : expression;
  if ((excludes ? excluded : included).Add(pattern, &problem) < 0) {
    return Error(ErrorKind::Invalid, named + "not a regular expression: " + problem);
  }
  (excludes ? has_excluded : has_included) = true;
  return {};
}

Result<DomainRules> DomainRules::compile(const std::vector<std::string>& rules) {
  DomainRules compiled;
  if (rules.empty()) {
    return compiled;
  }
  compiled.compiled_ = std::make_unique<Compiled>();
  Compiled& sets = *compiled.compiled_;
  for (const std::string& rule : rules) {
    if (Result<void> added = sets.add(rule); !added) {
      return added.error();
    }
  }
  if (!sets.has_included) {
    return Error(ErrorKind::Invalid,
                 "the domain rules only exclude; add what they exclude from, for example \"all\"");
  }
  if (!sets.included.Compile() || (sets.has_excluded && !sets.excluded.Compile())) {
    return Error(ErrorKind::Exhausted, "the domain rules need too much memory");
  }
  return compiled;
}

bool DomainRules::empty() const {
  return compiled_ == nullptr;
}

bool DomainRules::matches(std::string_view host) const {
  if (compiled_ == nullptr) {
    return false;
  }
  if (host.ends_with('.')) {
    host.remove_suffix(1);  // the root's dot makes no other host
  }
  const re2::StringPiece text(host.data(), host.size());
  if (compiled_->has_excluded && compiled_->excluded.Match(text, nullptr)) {
    return false;
  }
  return compiled_->included.Match(text, nullptr);
}

}  // namespace scpool
