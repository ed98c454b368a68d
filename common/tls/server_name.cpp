#include "common/tls/server_name.hpp"

#include <arpa/inet.h>

namespace scpool {

bool is_address(const std::string& name) {
  in6_addr address{};
  return inet_pton(AF_INET, name.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, name.c_str(), &address) == 1;
}

std::string bare_name(std::string name) {
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') {
    return name.substr(1, name.size() - 2);
  }
  if (name.size() > 1 && name.back() == '.') {
    name.pop_back();
  }
  return name;
}

}  // namespace scpool
