#include "common/tls/tls_context.hpp"

#include <doctest/doctest.h>

#include "common/base/bytes.hpp"
#include "common/base/text.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace scpool;

namespace {

struct Files {
  TemporaryDirectory directory;
  GeneratedCertificate made = generate_certificate({"localhost"}, 30).value();
  std::string certificate = directory.write("server.pem", made.certificate_pem);
  std::string key = directory.write("server.key", made.key_pem);
};

std::string server_error(const TlsServerSettings& settings) {
  const auto context = TlsContext::for_server(settings);
  return context.ok() ? "no error" : context.error().sentence();
}

std::string client_error(const std::string& ca_file) {
  const auto context = TlsContext::for_client({{ca_file}, true, {"http/1.1"}});
  return context.ok() ? "no error" : context.error().sentence();
}

}  // namespace

TEST_CASE("a certificate and its key make a server") {
  const Files files;
  CHECK(server_error({files.certificate, files.key}) == "no error");
}

TEST_CASE("a server's error names the file and the reason") {
  const Files files;
  const std::string missing = files.directory.path("missing.pem");
  CHECK(server_error({missing, files.key}) ==
        "certificate file " + missing + ": cannot be opened: No such file or directory");
  CHECK(server_error({files.certificate, missing}) ==
        "key file " + missing + ": cannot be opened: No such file or directory");

  const std::string empty = files.directory.write("empty.pem", "");
  CHECK(server_error({empty, files.key}) == "certificate file " + empty + ": is empty");
  CHECK(server_error({files.certificate, files.certificate}) ==
        "key file " + files.certificate + ": holds no PEM private key");
  CHECK(server_error({files.key, files.key}) ==
        "certificate file " + files.key + ": holds no PEM certificate");
}

TEST_CASE("a key of another certificate is refused") {
  const Files files;
  const Files other;
  CHECK(server_error({files.certificate, other.key}) ==
        "key file " + other.key + ": does not match the certificate in " + files.certificate);
}

TEST_CASE("an expired certificate is refused with its end") {
  const TemporaryDirectory directory;
  const auto made = generate_certificate({"old.example"}, -2).value();
  const std::string certificate = directory.write("old.pem", made.certificate_pem);
  const std::string key = directory.write("old.key", made.key_pem);
  const std::string error = server_error({certificate, key});
  CHECK(error.find("certificate file " + certificate) == 0);
  CHECK(error.find("old.example that expired on ") != std::string::npos);
  CHECK(error.find("GMT") != std::string::npos);
}

TEST_CASE("an encrypted key is refused instead of asking the terminal") {
  const Files files;
  const std::string key = files.directory.write(
      "encrypted.key",
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n");
  CHECK(server_error({files.certificate, key}) ==
        "key file " + key + ": holds an encrypted key; store it without a password");
}

TEST_CASE("a CA file that gives no authority is an error that names it") {
  const Files files;
  const std::string missing = files.directory.path("ca.pem");
  CHECK(client_error(missing) ==
        "CA file " + missing + ": cannot be opened: No such file or directory");
  const std::string empty = files.directory.write("empty.pem", "");
  CHECK(client_error(empty) == "CA file " + empty + ": is empty");
  const std::string text = files.directory.write("text.pem", "not a certificate\n");
  CHECK(client_error(text) == "CA file " + text + ": holds no PEM certificate");
  const std::string broken = files.directory.write(
      "broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  CHECK(client_error(broken).find("CA file " + broken + ": holds a broken certificate") == 0);
  CHECK(client_error(files.directory.path("")).find("Is a directory") != std::string::npos);
}

TEST_CASE("a CA may be given as base64 data; its text stays out of messages") {
  const Files files;
  const std::string data = "data:base64," + to_base64(as_bytes(files.made.ca_pem));
  CHECK(client_error(data) == "no error");
  CHECK(client_error("data:base64,???") == "CA file data:xxxxx: is not base64");
}

TEST_CASE("names of generated certificates are checked") {
  CHECK(generate_certificate({"localhost", "127.0.0.1", "::1", "*.example"}, 1).ok());
  CHECK_FALSE(generate_certificate({}, 1).ok());
  CHECK_FALSE(generate_certificate({"a,DNS:b"}, 1).ok());
  CHECK_FALSE(generate_certificate({""}, 1).ok());
}
