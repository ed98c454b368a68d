"""Fixtures: a site of our own and a pool of three workers that the gentle tests share."""

import json
import pathlib
import subprocess
import sys
import types

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from pool import BIN, Pool  # noqa: E402
from stub_pool import StubPool  # noqa: E402

HERE = pathlib.Path(__file__).parent


def pytest_configure():
    assert (BIN / "sc-pool").exists(), f"no programs in {BIN}; build first, or set SCPOOL_BIN"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for the site under test, signed by an authority of its own."""
    directory = tmp_path_factory.mktemp("certificate")
    key, leaf = directory / "site.key", directory / "site.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", leaf,
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                   check=True, capture_output=True)
    return types.SimpleNamespace(key=key, pem=leaf)


@pytest.fixture(scope="session")
def site(certificate):
    process = subprocess.Popen([sys.executable, HERE / "origin_site.py", "--certificate",
                                certificate.pem, "--key", certificate.key],
                               stdout=subprocess.PIPE, text=True)
    ports = json.loads(process.stdout.readline())
    yield types.SimpleNamespace(
        url=f"http://localhost:{ports['http']}", secure_url=f"https://localhost:{ports['https']}",
        authority=f"localhost:{ports['http']}", address=("127.0.0.1", ports["http"]),
        echo=f"localhost:{ports['echo']}", ca_file=certificate.pem)
    process.terminate()
    process.wait()
    process.stdout.close()


@pytest.fixture(scope="session")
def pool(tmp_path_factory):
    """Shared by tests that only send traffic; a test that breaks things takes `own_pool`."""
    shared = Pool(tmp_path_factory.mktemp("pool"), name="shared")
    try:
        yield shared.start()
        assert shared.stop() == 0
        assert shared.pids() == []
    finally:
        shared.destroy()


@pytest.fixture
def own_pool(tmp_path):
    mine = Pool(tmp_path, name="own")
    try:
        yield mine
    finally:
        mine.destroy()


@pytest.fixture
def stub_pool(tmp_path):
    pools = []

    def make(**how):
        pools.append(StubPool(tmp_path, **how))
        return pools[-1]
    yield make
    for pool in pools:
        pool.destroy()
