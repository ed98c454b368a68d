"""A tunnel whose network is cut, in network namespaces: what runs goes on, and what is said is true.

`./dev test` runs each cut once and briefly. With SCPOOL_SOAK=1 (`./dev soak`) the cuts are as long and the
clients as many as the product promises to bear; the table of all cuts is printed at the end.
"""

import os

import pytest

from network_hosts import NetworkHosts, why_impossible
from pool import wait_for

SOAK = os.environ.get("SCPOOL_SOAK") == "1"
soak_only = pytest.mark.skipif(not SOAK, reason="takes minutes: ./dev soak")

pytestmark = pytest.mark.skipif(why_impossible() is not None, reason=str(why_impossible()))


@pytest.fixture(scope="module")
def table():
    """Rows of the cut matrix, printed at the end."""
    rows = []
    yield rows
    if rows:
        widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
        print()
        for row in rows:
            print("| " + " | ".join(str(cell).ljust(width) for cell, width in zip(row, widths)) + " |")


@pytest.fixture
def hosts(tmp_path, request):
    """All hosts, site and server up; a test may ask for a link with `@pytest.mark.parametrize(..., indirect)`."""
    mine = NetworkHosts(tmp_path, link=getattr(request, "param", ()))
    try:
        yield mine.build().start_site().start_server()
    finally:
        mine.destroy()


def identities(pool):
    return [(worker["slot"], worker["generation"], worker["pid"]) for worker in pool.workers()]


# -- what the pool says and does while its network is down --------------------------------------------------


@pytest.mark.parametrize("size", [1, 3] if SOAK else [2])
def test_the_pool_keeps_its_workers_while_the_network_is_down(hosts, size):
    pool = hosts.pool(size, more='[health]\nunready_tolerance = "1s"\nrest_period = "1s"\n'
                                 'rest_timeout = "1s"\nprobe_period = "500ms"\n').start()
    before = identities(pool)
    hosts.link_down()
    wait_for(lambda: pool.status()["network_suspected"], "the network is suspected")
    said = pool.status()
    assert (said["ready"], said["rest_stale"], said["state"]) == (0, True, "degraded")
    assert {worker["state"] for worker in said["workers"]} == {"unhealthy"}
    assert "not connected to the server" in said["workers"][0]["reason"]
    assert "the network or the server is suspected" in pool.verb("explain", "0").stdout
    probes = 3 * 2  # longer than the tolerance
    wait_for(lambda: pool.log_text().count("connect failed") >= probes, "the workers go on dialling")
    assert identities(pool) == before
    hosts.link_up()
    pool.wait_ready()
    assert identities(pool) == before
    events = pool.verb("events", "--since", "0").stdout
    assert "alike-failures" in events or "suspected" in events
    assert pool.stop() == 0
