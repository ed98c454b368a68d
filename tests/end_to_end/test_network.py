"""A tunnel whose network is cut, in network namespaces: what runs goes on, and what is said is true.

`./dev test` runs each cut once and briefly. With SCPOOL_SOAK=1 (`./dev soak network`) the cuts are as long and the
clients as many as the product promises to bear; the table of all cuts is printed at the end.
"""

import os
import re
import signal
import statistics
import time

import pytest

from network_hosts import KEY, USER, Clients, NetworkHosts, run, why_impossible
from pool import SANITIZED, wait_for

SOAK = os.environ.get("SCPOOL_SOAK") == "1"
BRIEF = ("--size", 1 << 18)  # bodies of 2 s
soak_only = pytest.mark.skipif(not SOAK, reason="takes minutes: ./dev soak network")

pytestmark = pytest.mark.skipif(why_impossible() is not None, reason=str(why_impossible()))


@pytest.fixture(scope="module")
def table():
    """Rows of the cut matrix, printed at the end."""
    rows = [("cut", "times", "streams done", "503s", "failed", "longest stall", "moving again after")]
    yield rows
    if len(rows) > 1:
        widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))]
        print()
        for row in rows:
            print("| " + " | ".join(str(cell).ljust(width) for cell, width in zip(row, widths)) + " |")


@pytest.fixture
def hosts(tmp_path, request):
    """All hosts, site and server up; `indirect` parameters are those of NetworkHosts."""
    mine = NetworkHosts(tmp_path, **getattr(request, "param", {}))
    try:
        yield mine.build().start_site().start_server()
    finally:
        mine.destroy()


def identities(pool):
    return [(worker["slot"], worker["generation"], worker["pid"]) for worker in pool.workers()]


# -- longer than the hold: what streams are told, and what the pool says and does ---------------------------


@pytest.mark.parametrize("hosts", [{"server_config": '[times]\nresume_hold = "2s"\n'}], indirect=True)
@pytest.mark.parametrize("size", [1, 3] if SOAK else [2])
def test_a_link_that_is_down_for_longer_than_the_hold(hosts, size):
    """Streams end, and say so; the pool keeps its workers and says why; everything after it works again."""
    pool = hosts.pool(size, more='[health]\nunready_tolerance = "1s"\nrest_period = "1s"\n'
                                 'rest_timeout = "1s"\nprobe_period = "500ms"\n').start()
    before = identities(pool)
    clients = Clients(hosts, "--websocket", 3, "--connect", 2, "--once")
    wait_for(lambda: sum(hosts.server_metrics("tunnel_server_streams_active").values()) >= 5, "five streams")
    hosts.link_down()
    try:
        wait_for(lambda: pool.status()["network_suspected"], "the network is suspected")
        wait_for(lambda: pool.status()["ready"] == 0, "no worker is ready")
        said = pool.status()
        assert (said["rest_stale"], said["state"]) == (True, "degraded")
        assert {worker["state"] for worker in said["workers"]} == {"unhealthy"}
        assert "not connected to the server" in said["workers"][0]["reason"]
        assert "the network or the server is suspected" in pool.verb("explain", "0").stdout
        wait_for(lambda: pool.log_text().count("connect failed") >= 3 * size, "the workers go on dialling")
        wait_for(lambda: clients.process.poll() is not None, "the streams have ended")
        assert identities(pool) == before
    finally:
        hosts.link_up()
    ended = clients.stop()
    assert ended["failures"]
    # A stream that had no answer yet when the link went down is refused in the end.
    assert len(ended["failures"]) + sum(ended["refused"].values()) == 5
    pool.wait_ready()
    assert identities(pool) == before
    events = pool.verb("events", "--since", "0").stdout
    assert "alike-failures" in events or "suspected" in events
    check(Clients(hosts, "--download", 3, "--upload", 3, "--once", *BRIEF).stop())
    assert pool.stop() == 0


# -- what the streams bear ----------------------------------------------------------------------------------


def standing(hosts):
    """All connections of the one worker are there and not doubted."""
    states = hosts.server_metrics("tunnel_server_conn_state")
    return states['state="ready"'] == 4 == sum(states.values())


def resets(hosts):
    times, period = (30, 10) if SOAK else (3, 1)
    for _ in range(times):
        time.sleep(period)
        assert hosts.reset_connections() > 0
    return times, []


def outages(begin, end, soak_seconds, times):
    """A cut that lasts, several times; gives when the link was back each time."""
    def cut(hosts):
        back = []
        for _ in range(times if SOAK else 1):
            time.sleep(3 if SOAK else 1)
            begin(hosts)
            time.sleep(soak_seconds if SOAK else 4)
            end(hosts)
            back.append(time.monotonic())
        return len(back), back
    return cut


def new_address(hosts):
    time.sleep(3 if SOAK else 1)
    hosts.move_worker()
    return 1, [time.monotonic()]


CUTS = {
    "reset of all connections": resets,
    "link down": outages(NetworkHosts.link_down, NetworkHosts.link_up, 20, 2),
    "nothing towards the server": outages(lambda hosts: hosts.drop_towards("server"),
                                          lambda hosts: hosts.deliver_towards("server"), 15, 2),
    "nothing towards the worker": outages(lambda hosts: hosts.drop_towards("worker"),
                                          lambda hosts: hosts.deliver_towards("worker"), 15, 2),
    "new address of the worker": new_address,
}


def check(figures):
    assert figures["failures"] == []
    return figures


def figures_of(cut, times, back, since, figures):
    """A row of the table: what was seen from `since` on, until the next cut."""
    gaps = [(begin, end) for _, begin, end in figures["gaps"] if begin >= since]
    after = [end - at for at in back for begin, end in gaps if begin < at < end]
    return (cut, times, sum(figures["done"].values()), sum(figures["refused"].values()),
            len(figures["failures"]), f"{max((end - begin for begin, end in gaps), default=0):.1f} s",
            f"{max(after, default=0):.1f} s" if back else "")


# Each cut by itself in the long form; briefly, one after the other under the same streams.
@pytest.mark.parametrize("cuts", [[cut] for cut in CUTS] if SOAK else [list(CUTS)],
                         ids=lambda cuts: " ".join(cuts) if SOAK else "all")
def test_no_stream_notices(hosts, table, cuts):
    """Bodies both ways, WebSockets and TLS through CONNECT, through one worker whose network is cut."""
    hosts.pool(1).start()
    wait_for(lambda: standing(hosts), "four connections")
    many, few = (50, 20) if SOAK and not SANITIZED else (5, 3)
    clients = Clients(hosts, "--download", many, "--upload", many, "--websocket", few, "--connect", few,
                      *([] if SOAK else BRIEF))
    seen = []
    for cut in cuts:
        since = time.monotonic()
        seen.append((cut, *CUTS[cut](hosts), since))
        wait_for(lambda: standing(hosts), "all connections stand again")
        if SOAK:
            time.sleep(10)
    figures = clients.stop()
    table.extend(figures_of(*row, figures) for row in seen)
    check(figures)
    assert min(figures["done"][kind] for kind in ("download", "upload", "connect")) > 0
    assert figures["moved"]["websocket"] > 0


# -- workers that go --------------------------------------------------------------------------------------------


def test_a_killed_worker_costs_no_get(hosts):
    pool = hosts.pool(3).start()
    readers = Clients(hosts, "--small", 100, "--pause", 0)
    writers = Clients(hosts, "--upload", 12, *BRIEF)
    kills = 10 if SOAK else 3
    for slot in range(kills):
        time.sleep(1)  # traffic between two kills, not a wait for anything
        os.kill(pool.workers()[slot % 3]["pid"], signal.SIGKILL)
        pool.wait_ready()
    written, read = writers.stop(), readers.stop()
    retries = hosts.server_metrics("tunnel_server_retries_total")
    print(f"{kills} kills: {read['done']['small']} GETs, none failed; {written['done'].get('upload', 0)} POSTs done, "
          f"{len(written['failures'])} failed; retries: {retries}")
    check(read)
    assert read["refused"] == written["refused"] == {}
    # Each POST that was lost was told so, and counted.
    lost = sum(count for labels, count in retries.items() if "not_idempotent" in labels)
    answers = hosts.server_metrics("tunnel_server_http_requests_total")
    assert len(written["failures"]) == lost == answers.get('code="502",method="POST"', 0)
    assert all("502" in failure for failure in written["failures"])


@pytest.mark.parametrize("hosts", [{"server_config": '[times]\ndrain_timeout = "1m"\n'}], indirect=True)
@pytest.mark.parametrize("ends", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
def test_the_server_restarts(hosts, ends):
    """Its tunnels keep their ids, the workers come back, and who asks meanwhile waits for them."""
    pool = hosts.pool(2).start()
    before = identities(pool), {worker["tunnel_id"] for worker in pool.workers()}
    running = Clients(hosts, "--upload", 6, "--once", "--size", 1 << 19)
    wait_for(lambda: sum(hosts.server_metrics("tunnel_server_streams_active").values()) >= 6, "six streams")
    hosts.stop_server(ends)
    figures = running.stop()
    # What runs may end before a server that is asked to stop goes; one that is killed takes it along.
    assert len(figures["failures"]) == (6 if ends == signal.SIGKILL else 0)
    hosts.drop_towards("server")  # no worker comes back before somebody waits for it
    hosts.start_server()
    asking = Clients(hosts, "--download", 10, "--once", *BRIEF)
    wait_for(lambda: hosts.server_metrics("tunnel_server_http_requests_in_flight")[""] == 10, "ten wait")
    hosts.deliver_towards("server")
    served = check(asking.stop())
    assert (served["done"]["download"], served["refused"]) == (10, {})
    wait_for(lambda: hosts.server_metrics("tunnel_server_conn_state")['state="ready"'] == 8,
             "all eight connections are back")
    pool.wait_ready()
    assert (identities(pool), {worker["tunnel_id"] for worker in pool.workers()}) == before
    _, listed = hosts.rest("GET", "/tunnels")
    assert set(listed) == before[1]
    log = (hosts.directory / "server.out").read_text().rpartition("sc-server is up")[2]
    moments = re.findall(r"^\S+ (\S+) \[tunnels\] \[INFO\] connection ready", log, re.MULTILINE)
    print(f"eight connections came back, at {sorted(moments)}")
    assert len({moment[:-3] for moment in moments}) > 2  # milliseconds: not all at once


@soak_only
@pytest.mark.parametrize("end", ["rolling restart", "delete with wait"])
def test_workers_that_leave_in_order_cost_nothing(hosts, table, end):
    pool = hosts.pool(3).start()
    clients = Clients(hosts, "--small", 40, "--download", 30, "--upload", 30, "--size", 1 << 19)
    time.sleep(3)
    if end == "rolling restart":
        assert pool.verb("restart", "--rolling", "--wait").returncode == 0
    else:
        before = {worker["tunnel_id"] for worker in pool.workers()}
        status, _ = hosts.rest("DELETE", f"/tunnels/{sorted(before)[0]}?wait=1")
        assert status == 200
        wait_for(lambda: len(before & {worker["tunnel_id"] for worker in pool.workers()}) == 2,
                 "the tunnel is gone and replaced")
        pool.wait_ready()
    figures = clients.stop()
    table.append((end, 1, sum(figures["done"].values()), sum(figures["refused"].values()),
                  len(figures["failures"]), "", ""))
    assert figures["refused"] == {}
    check(figures)


# -- a long link --------------------------------------------------------------------------------------------


def curl(hosts, *words):
    """MiB/s of one download made by curl on the server host."""
    answer = run(*hosts.inside("server", "curl", "-sS", "-f", "-o", "/dev/null", "-w", "%{speed_download}",
                               *words))
    return float(answer.stdout) / 2**20


def p99(figures):
    return statistics.quantiles(check(figures)["latencies"], n=100)[98]


def small_requests(hosts, seconds):
    clients = Clients(hosts, "--small", 8, "--pause", 0.1)
    time.sleep(seconds)
    return p99(clients.stop())


@soak_only
@pytest.mark.parametrize("hosts, size", [
    ({"link": ("--delay=50", "--rate=200", "--loss=1")}, 6 << 20),
    ({"link": ("--delay=50", "--rate=200")}, 200 << 20)], indirect=["hosts"], ids=["1 % loss", "no loss"])
def test_a_link_of_100_ms(hosts, size):
    """Figures beside those of curl without a tunnel over the same link: shown, not judged."""
    hosts.pool(1).start()
    url = f"http://{hosts.site['http']}/bytes/{size}"
    through = ("-x", "http://127.0.0.1:3128", "-U", f"{USER};tunnel=net:{KEY}")
    direct = [curl(hosts, url) for _ in range(3)]
    tunnel = [curl(hosts, *through, url) for _ in range(3)]
    print(f"\ndirect {statistics.median(direct):.2f} MiB/s, tunnel {statistics.median(tunnel):.2f} MiB/s, "
          f"{statistics.median(tunnel) / statistics.median(direct):.0%} (goal: 60 %)")
    idle = small_requests(hosts, 30)
    with hosts.spawn("server", "download", "curl", "-sS", "-f", "-o", "/dev/null", *through,
                     url.replace(str(size), str(1 << 33))) as download:
        beside = small_requests(hosts, 30)
        assert download.poll() is None
        download.kill()
    print(f"small requests, p99: idle {idle * 1000:.0f} ms, beside a download {beside * 1000:.0f} ms, "
          f"{beside / idle:.1f} times (goal: 2)")
