#include "server/embedded.hpp"

#include <unistd.h>

#include <utility>

#include "common/base/json.hpp"
#include "common/base/json_text.hpp"
#include "server/io/secret_files.hpp"

namespace scpool::server {

namespace {

constexpr std::string_view kAccount = "local";
constexpr std::size_t kAccessKeyBytes = 16;
constexpr int kCertificateDays = 3650;

std::string file_of(const EmbeddedWish& wish, std::string_view name) {
  return wish.directory + "/" + std::string(name);
}

Result<void> make_certificate(const EmbeddedWish& wish) {
  if (file_exists(file_of(wish, "ca.pem")) && file_exists(file_of(wish, "server.pem")) &&
      file_exists(file_of(wish, "server.key"))) {
    return {};
  }
  const Result<GeneratedCertificate> made =
      generate_certificate({"localhost", "127.0.0.1", "::1"}, kCertificateDays);
  if (!made) {
    return made.error().within("certificate of the embedded server");
  }
  // The CA last: with it the set is complete.
  for (const auto& [name, text] : {std::pair{"server.key", &made.value().key_pem},
                                   std::pair{"server.pem", &made.value().certificate_pem},
                                   std::pair{"ca.pem", &made.value().ca_pem}}) {
    if (auto written = write_private_file(file_of(wish, name), *text); !written) {
      return written;
    }
  }
  return {};
}

}  // namespace

Result<void> prepare_embedded(const EmbeddedWish& wish, ServerConfig& config) {
  for (const std::string* listen : {&wish.listen, &wish.ingress, &wish.admin, &wish.open_ingress}) {
    if (!is_loopback_listen(*listen)) {
      return Error(ErrorKind::Invalid, *listen + ": the embedded server listens on loopback only");
    }
  }
  if (auto made = make_private_directory(wish.directory); !made) {
    return made;
  }
  if (auto made = make_certificate(wish); !made) {
    return made;
  }
  const Result<Secret> key = secret_of_file(file_of(wish, "access-key"), kAccessKeyBytes);
  if (!key) {
    return key.error();
  }
  config.listen = wish.listen;
  config.host = wish.listen.substr(0, wish.listen.rfind(':'));
  config.certificate = file_of(wish, "server.pem");
  config.key = file_of(wish, "server.key");
  config.state_dir = wish.directory;
  config.admin_listen = wish.admin;
  config.accounts = {{std::string(kAccount), file_of(wish, "access-key"), config.max_tunnels}};
  IngressConfig asking;
  asking.listen = wish.ingress;
  config.ingress = {asking};
  if (!wish.open_ingress_tunnel.empty()) {
    IngressConfig open;
    open.listen = wish.open_ingress;
    open.account = kAccount;
    open.tunnel_name = wish.open_ingress_tunnel;
    config.ingress.push_back(open);
  }
  return {};
}

Result<void> write_embedded_facts(const EmbeddedWish& wish, const Server& server) {
  nlohmann::json facts = {{"rest_url", "https://" + server.tls_endpoint().text() + "/rest/v1"},
                          {"ca_file", file_of(wish, "ca.pem")},
                          {"user", kAccount},
                          {"access_key_file", file_of(wish, "access-key")},
                          {"ingress_url", nullptr},
                          {"open_ingress_url", nullptr},
                          {"admin_url", nullptr},
                          {"pid", getpid()}};
  for (const auto& ingress : server.ingress()) {
    facts[ingress->config().asks_for_credentials() ? "ingress_url" : "open_ingress_url"] =
        "http://" + ingress->endpoint().text();
  }
  if (const auto admin = server.admin_endpoint()) {
    facts["admin_url"] = "http://" + admin->text();
  }
  return write_private_file(file_of(wish, "server.json"), json_text(facts, 2) + "\n");
}

}  // namespace scpool::server
