// Host lists in the syntax Sauce Connect 5 documents: RE2 expressions on the host, not anchored; a
// leading "-" excludes; "all" is everything; exclusions always win; a list of exclusions only is an
// error.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"

namespace scpool {

class DomainRules {
 public:
  DomainRules();  // matches nothing
  DomainRules(DomainRules&&) noexcept;
  DomainRules& operator=(DomainRules&&) noexcept;
  ~DomainRules();

  // The error names the rule that cannot be used and why.
  static Result<DomainRules> compile(const std::vector<std::string>& rules);

  bool empty() const;
  bool matches(std::string_view host) const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace scpool
