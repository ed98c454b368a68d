"""Many idle tunnels on one server: memory per tunnel and the share of a core that keeping them costs
(liveness, canaries, lists of streams). The tunnels come from one process of the worker's own code.
"""

import json
import re
import subprocess
import sys
import time
import urllib.request

from cases import Case
from machine import cpu_seconds, memory
from pool import BIN, wait_for

CASE = Case("idle tunnels", "KiB per tunnel", "less", None)
CONNECTIONS = 2


def suspended(facts):
    """Cut sessions that the server keeps."""
    with urllib.request.urlopen(facts["admin_url"] + "/metrics", timeout=60) as answer:
        return float(re.search(r'conn_state\{state="suspended"\} (\S+)', answer.read().decode())[1])


def share_of_a_core(pid, seconds):
    cpu, began = cpu_seconds([pid]), time.monotonic()
    time.sleep(seconds)
    return {"core_percent": (cpu_seconds([pid]) - cpu) / (time.monotonic() - began) * 100}


def measure(run, directory):
    """{"sc-server": [figures]}; what a tunnel costs the server, nobody uses it."""
    tunnels, seconds = (200, 11) if run.quick else (2000, 20)
    state = directory / "idle-tunnels"
    limits = ["--limits-max-tunnels", tunnels, "--limits-creates-per-minute", 1000000,
              "--limits-handshakes-per-second", 1000000]
    server = subprocess.Popen([str(word) for word in [
        BIN / "sc-server", "run", "--embedded", state, "--listen", "127.0.0.1:0",
        "--ingress", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-level", "error", *limits]])
    crowd = None
    try:
        wait_for(lambda: (state / "server.json").exists(), "an embedded server")
        facts = json.loads((state / "server.json").read_text())
        before = memory([server.pid])
        started = time.monotonic()
        crowd = subprocess.Popen([str(word) for word in [
            BIN / "tunnel_crowd", facts["rest_url"], facts["user"], facts["access_key_file"],
            facts["ca_file"], tunnels, CONNECTIONS]], stdout=subprocess.PIPE, text=True)
        assert crowd.stdout.readline() == "ready\n", "the tunnels did not stand"
        print(f"{tunnels} tunnels stand after {time.monotonic() - started:.0f} s", file=sys.stderr)
        time.sleep(2)
        # At rest they are after the first ping, not right after their start.
        keeping = run.undisturbed(lambda: share_of_a_core(server.pid, seconds))
        after = memory([server.pid])
        # Killed, not ended: the server keeps the sessions for their worker to come back.
        crowd.kill()
        crowd.wait()
        wait_for(lambda: suspended(facts) == tunnels * CONNECTIONS, "the server keeps all sessions")
        cut = memory([server.pid])
        grown = {kind: (after[kind] - before[kind]) / tunnels / 1024 for kind in after}
        held = {kind: (cut[kind] - before[kind]) / tunnels / CONNECTIONS / 1024 for kind in cut}
        print(f"suspended: {held['private']:.1f} KiB a session (PSS {held['pss']:.1f})", file=sys.stderr)
        return {"sc-server": [{"value": grown["private"], "pss_kib": grown["pss"], **keeping,
                               "tunnels": tunnels,
                               "suspended_session_kib": held["private"],
                               "connections": tunnels * CONNECTIONS}]}
    finally:
        for process in (crowd, server):
            if process:
                process.terminate()
                process.wait()
