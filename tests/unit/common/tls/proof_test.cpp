#include "common/tls/proof.hpp"

#include <doctest/doctest.h>

#include "common/base/text.hpp"

using namespace scpool;

TEST_CASE("HMAC-SHA256 gives the answers of RFC 4231") {
  CHECK(to_hex(hmac_sha256(Bytes(20, 0x0b), as_bytes("Hi There"))) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(to_hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(to_hex(hmac_sha256(Bytes(131, 0xaa),
                           as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  CHECK(hmac_sha256({}, {}).size() == 32);
}

TEST_CASE("SHA-256 of the empty and the usual message") {
  CHECK(to_hex(sha256({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(to_hex(sha256(as_bytes("abc"))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("a proof is the HMAC over purpose, exporter and the fields behind their lengths") {
  const Bytes secret(32, 0x11);
  const Bytes exporter(32, 0x22);
  Bytes message = {'t', 'u', 'n', '1'};
  message.insert(message.end(), exporter.begin(), exporter.end());
  const Bytes fields = {0, 0, 0, 2, 'a', 'b', 0, 0, 0, 1, 'i', 0, 0, 0, 4, 0,
                        0, 0, 3, 0, 0,   0,   8, 0, 0, 0, 0,   0, 0, 1, 2};
  message.insert(message.end(), fields.begin(), fields.end());
  CHECK(tunnel_proof(secret, exporter, {"ab", "i", 3, 258}) == hmac_sha256(secret, message));
}

TEST_CASE("a proof changes with everything it speaks of") {
  const Bytes secret(32, 1);
  const Bytes exporter(32, 2);
  const ProofSubject subject{"tunnel", "instance", 1, 7};
  const Bytes proof = tunnel_proof(secret, exporter, subject);
  CHECK(proof.size() == 32);
  CHECK(proof == tunnel_proof(secret, exporter, subject));
  CHECK(proof != tunnel_proof(Bytes(32, 3), exporter, subject));
  CHECK(proof != tunnel_proof(secret, Bytes(32, 3), subject));
  CHECK(proof != tunnel_proof(secret, exporter, {"tunnel", "instance", 2, 7}));
  CHECK(proof != tunnel_proof(secret, exporter, {"tunnel", "instance", 1, 8}));
  // Length prefixes keep the border between two fields.
  CHECK(proof != tunnel_proof(secret, exporter, {"tunneli", "nstance", 1, 7}));
}

TEST_CASE("the proof of a resumption changes with everything it speaks of") {
  const Bytes key(32, 1);
  const Bytes exporter(32, 2);
  const Bytes proof = resume_proof(key, exporter, "session", 3, 4);
  CHECK(proof.size() == 32);
  CHECK(proof == resume_proof(key, exporter, "session", 3, 4));
  CHECK(proof != resume_proof(Bytes(32, 9), exporter, "session", 3, 4));
  CHECK(proof != resume_proof(key, Bytes(32, 9), "session", 3, 4));
  CHECK(proof != resume_proof(key, exporter, "sessiom", 3, 4));
  CHECK(proof != resume_proof(key, exporter, "session", 4, 4));
  CHECK(proof != resume_proof(key, exporter, "session", 3, 5));
}
