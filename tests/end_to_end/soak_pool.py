"""What the soak runs share: a pool as in real life, a site, and clients who use both for the whole time."""

import argparse
import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile

from local_site import make_certificate, running_site
from pool import BIN, PATIENCE, Pool, wait_for

HERE = pathlib.Path(__file__).parent
CONFIG = """
[pool]
size = {size}
min_ready_time = "1s"
canary_time = "2s"
[health]
probe_period = "1s"
[worker]
proxy_localhost = "allow"
[account]
user = "{user}"
access_key_file = "{access_key_file}"
rest_url = "{rest_url}"
ca_file = "{ca_file}"
"""
SIZE = 4


@contextlib.contextmanager
def running_server(directory):
    """Gives (process, what its clients must know). As in real life it is not the supervisor's: it stays when
    the supervisor dies."""
    with (directory / "server.out").open("wb") as log:
        process = subprocess.Popen(
            [BIN / "sc-server", "run", "--embedded", directory / "grid", "--limits-max-tunnels", "100"],
            stdout=log, stderr=log)
    try:
        facts = directory / "grid" / "server.json"
        yield process, wait_for(lambda: facts.exists() and json.loads(facts.read_text() or "{}"), "the server")
    finally:
        process.terminate()
        process.wait(PATIENCE)


class SoakPool(Pool):
    def __init__(self, directory, server, settings):
        self.server, self.facts = server
        super().__init__(directory, name="soak", mode=(), config=settings.format(size=SIZE, **self.facts))

    @property
    def local(self):
        return self.facts


class SoakClients:
    """Jobs of half a minute, as tests are, each with verified bodies; `crowd` is how many of each kind."""

    def __init__(self, pool, site, crowd):
        host, port = pool.ingress
        words = [word for kind, count in crowd.items() for word in (f"--{kind}", str(count))]
        self.process = subprocess.Popen(
            [sys.executable, HERE / "network_load.py", "--ingress", f"{host}:{port}", "--credential",
             pool.credential(tunnel=pool.name), "--site", site.authority, "--secure",
             site.secure_authority, "--ca", site.ca_file, "--lifetime", "30", "--pause", "0.1", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "started\n"

    def stop(self):
        """Ends them and gives their figures; may take as long as what is under way."""
        out, _ = self.process.communicate("stop\n", timeout=PATIENCE)
        return json.loads(out)

    def destroy(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def seconds_asked(program, minutes):
    """How long the command line wants the run to last; `minutes` when it does not say."""
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("minutes", nargs="?", type=float, default=minutes)
    return parser.parse_args().minutes * 60


@contextlib.contextmanager
def pool_under_load(crowd, seconds, settings=CONFIG):
    """(pool at full strength, clients at work). At the end the pool is stopped and must leave nothing behind;
    whatever happens, no process and no file of the run survives."""
    with tempfile.TemporaryDirectory(prefix="sc-pool-soak-") as directory, contextlib.ExitStack() as stack:
        directory = pathlib.Path(directory)
        site = stack.enter_context(running_site(make_certificate(directory)))
        pool = SoakPool(directory / "pool", stack.enter_context(running_server(directory)), settings)
        stack.callback(pool.destroy)
        pool.start()
        clients = SoakClients(pool, site, crowd)
        stack.callback(clients.destroy)
        print(f"{sum(crowd.values())} clients, {seconds / 60:g} minutes, {BIN}", flush=True)
        yield pool, clients
        assert pool.stop("--now") == 0
        assert pool.left_over_files() == []
