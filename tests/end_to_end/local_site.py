"""The site under test (origin_site.py) as a process on this machine's loopback."""

import contextlib
import json
import pathlib
import subprocess
import sys
import types

HERE = pathlib.Path(__file__).parent


def make_certificate(directory):
    """For the site, good for two days, trusted by those who are given it: {key, pem}."""
    key, leaf = directory / "site.key", directory / "site.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", leaf,
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)
    return types.SimpleNamespace(key=key, pem=leaf)


@contextlib.contextmanager
def running_site(certificate):
    """Gives where it listens, over TCP and TLS; it ends with the block."""
    process = subprocess.Popen([sys.executable, HERE / "origin_site.py", "--certificate", certificate.pem,
                                "--key", certificate.key], stdout=subprocess.PIPE, text=True)
    try:
        ports = json.loads(process.stdout.readline())
        authority, secure_authority = f"localhost:{ports['http']}", f"localhost:{ports['https']}"
        yield types.SimpleNamespace(
            url=f"http://{authority}", secure_url=f"https://{secure_authority}",
            authority=authority, secure_authority=secure_authority,
            address=("127.0.0.1", ports["http"]), echo=f"localhost:{ports['echo']}",
            ca_file=certificate.pem)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
