"""The control socket and the command line under many, slow and hostile clients."""

import concurrent.futures
import os
import pty
import re
import select
import socket
import subprocess
import time

import pytest

from pool import BIN, PATIENCE, wait_for


def connect(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    connection.connect(path)
    return connection


def ask(path, request=b"GET /v1/status HTTP/1.1\r\nHost: pool\r\nConnection: close\r\n\r\n"):
    with connect(path) as connection:
        connection.sendall(request)
        answer = b""
        while more := connection.recv(65536):
            answer += more
        return answer


def test_a_hundred_clients_at_once(pool):
    path = pool.status()["supervisor"]["socket"]
    with concurrent.futures.ThreadPoolExecutor(100) as many:
        answers = list(many.map(lambda _: ask(path), range(400)))
    assert all(answer.startswith(b"HTTP/1.1 200 ") and b'"pool": "shared"' in answer for answer in answers)


def test_slow_and_silent_clients_hold_up_nobody(pool):
    path = pool.status()["supervisor"]["socket"]
    opened = [connect(path) for _ in range(60)]
    for number, connection in enumerate(opened):
        connection.sendall([b"", b"G", b"GET /v1/status HTTP/1.1\r\nHos", b"POST /v1/scale HTTP/1.1\r\nHost: pool\r\n"
                            b"Content-Length: 50\r\n\r\n{"][number % 4])
    # These ask for much and read nothing.
    for connection in (connect(path) for _ in range(20)):
        opened.append(connection)
        connection.sendall(b"GET /v1/events?follow=1 HTTP/1.1\r\nHost: pool\r\n\r\n")
    before = pool.status()
    assert before["ready"] == 3
    answers = [ask(path) for _ in range(20)]
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
    for connection in opened:
        connection.close()
    assert pool.status()["supervisor"]["pid"] == before["supervisor"]["pid"]


@pytest.mark.parametrize("garbage", [
    b"\x00" * 5000, b"\r\n\r\n\r\n", os.urandom(10000), b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00",
    b"GET /v1/status HTTP/9.9\r\n\r\n", b"GET " + b"a" * 200_000, b"A: b\r\n" * 50_000,
    b"POST /v1/scale HTTP/1.1\r\nHost: pool\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST /v1/scale HTTP/1.1\r\nHost: pool\r\nContent-Length: 5\r\n\r\n{\"a\":",
    b"POST /v1/scale HTTP/1.1\r\nHost: pool\r\nContent-Length: 15\r\n\r\n{\"size\": 1e999}",
    b"POST /v1/restart HTTP/1.1\r\nHost: pool\r\nContent-Length: 14\r\n\r\n{\"slots\":[-1]}",
    b"POST /v1/down%00 HTTP/1.1\r\nHost: pool\r\nContent-Length: 0\r\n\r\n",
], ids=lambda garbage: garbage[:12].hex())
def test_garbage_changes_nothing(pool, garbage):
    path = pool.status()["supervisor"]["socket"]
    before = pool.status()
    with connect(path) as connection:
        try:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while more := connection.recv(65536):
                answer += more
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
    assert answer == b"" or re.match(rb"HTTP/1\.1 (4\d\d|5\d\d) ", answer), answer[:200]
    after = pool.status()
    assert [each["pid"] for each in after["workers"]] == [each["pid"] for each in before["workers"]]
    assert after["size"] == 3 and after["state"] == "ready"


def on_terminal(words, environment, until, keys=b""):
    """What the program writes to a terminal of 120 columns, until that says what we wait for."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.clear()
        os.environ.update(environment)
        os.execv(words[0], words)
    import fcntl
    import struct
    import termios
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    if keys:
        os.write(terminal, keys)
    seen = b""
    deadline = time.monotonic() + PATIENCE
    while not until(seen) and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:
                break
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    os.close(terminal)
    assert until(seen), seen
    return seen.decode()


def test_colour_is_for_terminals_that_want_it(pool):
    assert "\x1b" not in pool.verb("status").stdout
    words = [str(BIN / "sc-pool"), "status", "--pool", "shared"]
    coloured = {**pool.environment, "TERM": "xterm-256color"}
    done = lambda seen: seen.count(b"ready") >= 4 and b"status page" in seen  # noqa: E731
    assert "\x1b[32m" in on_terminal(words, coloured, done)
    assert "\x1b" not in on_terminal(words, {**coloured, "NO_COLOR": "1"}, done)
    assert "\x1b" not in on_terminal(words, {**coloured, "TERM": "dumb"}, done)


def test_watching_draws_anew_without_flicker(pool):
    words = [str(BIN / "sc-pool"), "status", "--watch", "--pool", "shared"]
    seen = on_terminal(words, {**pool.environment, "TERM": "xterm"}, lambda seen: seen.count(b"Pool ") >= 3)
    assert "\x1b[2J" not in seen  # clearing the whole screen flickers
    assert "\x1b[H" in seen


def test_tables_fit_a_hundred_columns(pool):
    for words in (["status"], ["rollout"], ["doctor"]):
        for line in pool.verb(*words).stdout.splitlines():
            assert len(line) <= 100, line


@pytest.mark.parametrize("typed, offered", [
    ("sc-pool sta", {"status"}),
    ("sc-pool status --js", {"--json"}),
    ("sc-pool rollout ", {"status", "pause", "resume", "cancel"}),
    ("sc-pool completion z", {"zsh"}),
    ("sc-pool up --worker-log-level ", {"error", "info", "debug"}),
])
def test_bash_completes(typed, offered, tmp_path):
    (tmp_path / "rc").write_text(
        f"PATH={BIN}:$PATH\nsource <({BIN / 'sc-pool'} completion bash)\nPS1='> '\n"
        "bind 'set show-all-if-ambiguous on'\nbind 'set bell-style none'\n"
        "bind 'set completion-query-items 0'\nbind 'set page-completions off'\n"
        "bind 'set enable-bracketed-paste off'\n")
    words = ["/bin/bash", "--noprofile", "--rcfile", str(tmp_path / "rc"), "-i"]
    # One offer is typed in; of several all are listed.
    on_terminal(words, {"TERM": "dumb", "HOME": str(tmp_path), "PATH": os.environ["PATH"]},
                lambda seen: offered <= set(re.findall(r"[a-z-]+", seen.decode(errors="replace")
                                                       .replace(typed.split()[-1] + "\x07", typed.split()[-1]))),
                keys=typed.encode() + b"\t\t")


def test_zsh_reads_the_script(tmp_path):
    script = subprocess.run([BIN / "sc-pool", "completion", "zsh"], capture_output=True, text=True, timeout=60)
    assert script.returncode == 0 and script.stdout.startswith("#compdef sc-pool")
    if subprocess.run(["which", "zsh"], capture_output=True).returncode != 0:
        pytest.skip("no zsh here")
    (tmp_path / "_sc-pool").write_text(script.stdout)
    assert subprocess.run(["zsh", "-n", tmp_path / "_sc-pool"], timeout=60).returncode == 0


def test_logs_go_on_in_the_next_generation(own_pool):
    own_pool.start()
    first = own_pool.workers()[0]
    follower = subprocess.Popen([BIN / "sc-pool", "logs", "0", "-f", "--pool", "own"], stdout=subprocess.PIPE,
                                text=True, env=own_pool.environment)

    def read_until(is_wanted):
        for line in follower.stdout:
            if "you may start your tests" in line and is_wanted(int(re.match(r"0\.(\d+) ", line).group(1))):
                return
        raise AssertionError("the follower ended")

    read_until(lambda generation: generation == first["generation"])
    assert own_pool.verb("restart", "0", "--wait", "--timeout", "2m").returncode == 0
    second = wait_for(lambda: next((each for each in own_pool.workers() if each["slot"] == 0
                                    and each["state"] == "ready"
                                    and each["generation"] > first["generation"]), None), "its successor")
    os.kill(second["pid"], 9)
    read_until(lambda generation: generation == second["generation"])
    read_until(lambda generation: generation > second["generation"])
    follower.terminate()
    follower.wait()
    follower.stdout.close()
