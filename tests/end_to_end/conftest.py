"""Fixtures: a site of our own and a pool of three workers that the gentle tests share."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from local_site import make_certificate, running_site  # noqa: E402
from pool import BIN, Pool  # noqa: E402
from stub_pool import StubPool  # noqa: E402


def pytest_configure():
    assert (BIN / "sc-pool").exists(), f"no programs in {BIN}; build first, or set SCPOOL_BIN"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for the site under test, signed by an authority of its own."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def site(certificate):
    with running_site(certificate) as running:
        yield running


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
