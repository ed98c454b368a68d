"""The connection between worker and server is cut, falls silent or stays away: what runs goes on.

A TCP relay of the test lies between the two; clients verify every byte (network_load.py). SCPOOL_SOAK=1
makes the cuts as many as the product promises to bear.
"""

import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

from clients import basic, get
from cutting_relay import CuttingRelay
from origin_site import content
from pool import BIN, PATIENCE, Pool, wait_for

HERE = os.path.dirname(__file__)
SOAK = os.environ.get("SCPOOL_SOAK") == "1"
CUTS = 300 if SOAK else 5
USER, KEY = "ci", "0f5f0f2e-6f0e-4c59-9b2b-3f8d6d6d6a11"
SERVER_CONFIG = """
listen = "127.0.0.1:{port}"
host = "127.0.0.1"
public_port = {relay}
certificate = "{pem}"
key = "{key}"
state_dir = "{directory}/server"
admin_listen = "127.0.0.1:{admin}"
[times]
resume_hold = "{hold}"
[[account]]
name = "{user}"
access_key_file = "{directory}/access.key"
[[ingress]]
listen = "127.0.0.1:{ingress}"
"""
POOL_CONFIG = """
[pool]
size = 1
min_ready_time = "0s"
canary_time = "0s"
[account]
user = "{user}"
access_key_file = "{directory}/access.key"
rest_url = "https://127.0.0.1:{port}/rest/v1"
ca_file = "{pem}"
[health]
probe_period = "500ms"
[worker]
proxy_localhost = "allow"
"""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class CutTunnel:
    """A server, the relay, and a pool of one worker behind it."""

    def __init__(self, directory, certificate, site, hold):
        self.directory, self.certificate, self.site = directory, certificate, site
        self.port, self.admin, ingress = free_ports(3)
        self.ingress = ("127.0.0.1", ingress)
        self.relay = CuttingRelay(("127.0.0.1", self.port))
        names = {"directory": directory, "user": USER, "port": self.port, "relay": self.relay.port,
                 "pem": certificate.pem, "key": certificate.key, "admin": self.admin,
                 "ingress": ingress, "hold": hold}
        secret = directory / "access.key"
        secret.write_text(KEY)
        secret.chmod(0o600)
        (directory / "server.toml").write_text(SERVER_CONFIG.format(**names))
        self.server = None
        self.clients = []
        self.pool = Pool(directory / "cut", name="cut", mode=(), config=POOL_CONFIG.format(**names))

    def start(self):
        with (self.directory / "server.out").open("wb") as output:
            self.server = subprocess.Popen([BIN / "sc-server", "run", "--config", self.directory / "server.toml"],
                                           stdout=output, stderr=subprocess.STDOUT)
        wait_for(lambda: self.metrics_text() is not None, "the server is up")
        self.pool.start()
        wait_for(lambda: self.connections("ready") == 4, "four tunnel connections")
        return self

    def metrics_text(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=PATIENCE) as answer:
                return answer.read().decode()
        except OSError:
            return None

    def metric(self, name):
        """{labels as text: value}"""
        return {labels: float(value) for labels, value in re.findall(
            rf"^tunnel_server_{name}(?:\{{(.*)\}})? (\S+)$", self.metrics_text(), re.MULTILINE)}

    def over_rest(self):
        """What the REST API says of the only tunnel's connections."""
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.port}/rest/v1/{USER}/tunnels?full=1",
            headers={"Authorization": basic(f"{USER}:{KEY}")})
        trust = ssl.create_default_context(cafile=self.certificate.pem)
        with urllib.request.urlopen(request, timeout=PATIENCE, context=trust) as answer:
            tunnel, = json.load(answer)
        return tunnel["connections"]

    def connections(self, state):
        return self.metric("conn_state")[f'state="{state}"']

    def resumed(self, result="resumed"):
        return self.metric("resume_total").get(f'result="{result}"', 0)

    def load(self, *words):
        process = subprocess.Popen(
            [sys.executable, f"{HERE}/network_load.py", "--ingress", "%s:%d" % self.ingress, "--credential",
             f"{USER};tunnel=cut:{KEY}", "--site", self.site.authority, "--secure",
             self.site.secure_url.split("//")[1], "--ca", self.certificate.pem, *map(str, words)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.clients.append(process)
        assert process.stdout.readline() == "started\n"
        return process

    def finish(self, process):
        out, _ = process.communicate("stop\n", timeout=PATIENCE)
        return json.loads(out)

    def credential(self):
        return f"{USER};tunnel=cut:{KEY}"

    def destroy(self):
        for process in self.clients:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        self.pool.destroy()
        if self.server is not None:
            self.server.terminate()
            self.server.wait(PATIENCE)
        self.relay.close()


@pytest.fixture
def tunnel(tmp_path, certificate, site, request):
    mine = CutTunnel(tmp_path, certificate, site, getattr(request, "param", "30s"))
    try:
        yield mine.start()
    finally:
        mine.destroy()


def test_no_stream_fails_under_cuts(tunnel):
    crowd = tunnel.load("--download", 8, "--upload", 8, "--websocket", 6, "--connect", 6,
                        "--size", 400_000, "--rate", 200_000)
    for _ in range(CUTS):
        resumed = tunnel.resumed()
        assert tunnel.relay.cut() == 4
        wait_for(lambda: tunnel.resumed() == resumed + 4, "all four connections are resumed")
        wait_for(lambda: tunnel.connections("ready") == 4, "all four connections stand")
        time.sleep(0.7)  # traffic between two cuts, not a wait for anything
    figures = tunnel.finish(crowd)
    print(figures["done"], tunnel.metric("resume_total"))
    assert figures["failures"] == []
    assert not figures["refused"]
    assert min(figures["done"][kind] for kind in ("download", "upload", "websocket", "connect")) > 0
    text = tunnel.pool.log_text()
    assert "connection lost, resuming" in text and "connection resumed" in text
    assert tunnel.pool.stop() == 0


def test_a_connection_that_swallows_everything(tunnel):
    crowd = tunnel.load("--download", 4, "--upload", 4, "--websocket", 4, "--connect", 4,
                        "--size", 400_000, "--rate", 200_000)
    tunnel.relay.take_down()
    wait_for(lambda: tunnel.pool.workers()[0]["suspended_connections"] == 4, "the pool says what is cut")
    tunnel.relay.bring_up()
    wait_for(lambda: tunnel.connections("ready") == 4, "all four connections stand")
    tunnel.relay.swallow()
    wait_for(lambda: tunnel.connections("suspended") == 4 or tunnel.connections("suspect") > 0,
             "the server notices the silence")
    tunnel.relay.pass_on()
    wait_for(lambda: tunnel.connections("ready") == 4, "all four connections stand")
    figures = tunnel.finish(crowd)
    assert figures["failures"] == []
    assert tunnel.resumed() >= 8


def test_one_dead_connection_holds_up_nobody_who_comes_later(tunnel):
    """Small requests share one of the four. It dies in silence; whoever found out waits for its return."""
    url = f"{tunnel.site.url}/bytes/5"
    for _ in range(20):
        assert get(tunnel.ingress, url, tunnel.credential())[2] == b"".join(content(5))
    tunnel.relay.swallow_busiest()
    first_answers = []
    first = threading.Thread(
        target=lambda: first_answers.append(get(tunnel.ingress, url, tunnel.credential())[2]))
    first.start()
    wait_for(lambda: list(tunnel.metric("streams_active").values())[0] >= 1, "it is on its way")
    time.sleep(0.5)  # so long nothing comes back, which others are to see
    # Told by the answers alone: the first waits until the worker has dialled anew.
    later = 0
    while first.is_alive():
        assert get(tunnel.ingress, url, tunnel.credential())[2] == b"".join(content(5))
        later += first.is_alive()
    first.join()
    print(later, "answers before the first")
    assert first_answers == [b"".join(content(5))]
    assert later > 10
    assert tunnel.resumed() == 1


@pytest.mark.parametrize("tunnel", ["3s"], indirect=True)
def test_longer_than_the_hold(tunnel):
    """Streams end in an honest error, and the tunnel comes back by itself."""
    crowd = tunnel.load("--download", 2, "--websocket", 2, "--size", 64 << 20, "--rate", 4 << 20,
                        "--once")
    wait_for(lambda: list(tunnel.metric("streams_active").values())[0] >= 4, "four streams")
    before = tunnel.pool.workers()[0]["pid"]
    tunnel.relay.take_down()
    wait_for(lambda: tunnel.connections("suspended") == 4, "the server keeps the sessions")
    assert tunnel.connections("ready") == 0
    assert tunnel.over_rest() == {"ready": 0, "suspended": 4}
    wait_for(lambda: tunnel.connections("suspended") == 0, "the hold is over")
    assert tunnel.resumed("ended") == 4
    figures = tunnel.finish(crowd)
    # A stream that had no answer yet when the link was cut is refused in the end.
    assert len(figures["failures"]) + sum(figures["refused"].values()) == 4
    tunnel.relay.bring_up()
    wait_for(lambda: tunnel.connections("ready") == 4, "the worker comes back")
    assert tunnel.over_rest() == {"ready": 4, "suspended": 0}
    assert tunnel.pool.workers()[0]["pid"] == before
    status, _, body = get(tunnel.ingress, f"{tunnel.site.url}/bytes/1000", tunnel.credential())
    assert (status, body) == (200, b"".join(content(1000)))


def test_the_server_forgets_the_session(tunnel):
    """After kill -9 of the server nothing can be resumed: the worker registers anew at once."""
    old = tunnel.server
    old.kill()
    old.wait()
    with (tunnel.directory / "server.out").open("ab") as output:
        tunnel.server = subprocess.Popen(old.args, stdout=output, stderr=subprocess.STDOUT)
    wait_for(lambda: tunnel.metrics_text() is not None, "the server is up again")
    wait_for(lambda: tunnel.connections("ready") == 4, "the worker has come back")
    assert tunnel.resumed("unknown") >= 1
    status, _, body = get(tunnel.ingress, f"{tunnel.site.url}/bytes/1000", tunnel.credential())
    assert (status, body) == (200, b"".join(content(1000)))
