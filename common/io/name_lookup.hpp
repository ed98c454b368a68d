// Name resolution by the system's resolver, off the loop's thread. Destroying a lookup drops the
// late answer.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/io/event_loop.hpp"

namespace scpool {

class NameLookup {
 public:
  // Addresses in the order to try them (RFC 6724), families interleaved (RFC 8305 section 4).
  using OnAnswer = std::function<void(Result<std::vector<std::string>>)>;

  NameLookup(EventLoop& loop, const std::string& host, OnAnswer on_answer);
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;
  ~NameLookup();

 private:
  struct Request;
  Request* request_;
};

}  // namespace scpool
