"""doctor: nothing wrong with a healthy pool; what is wrong is named, with the mend."""

import json
import os
import signal
import socket

from pool import Pool


def checks_of(answer):
    report = json.loads(answer.stdout)
    assert report["ok"] == (answer.returncode == 0), answer.stdout
    return {check["check"]: check for check in report["checks"]}


def failed(checks):
    return {name for name, check in checks.items() if check["state"] == "failed"}


def other_pool(pool, directory, rest_url, key):
    """A configuration for a server elsewhere; nothing of it is started."""
    directory.mkdir()
    (directory / "key").write_text(key)
    (directory / "key").chmod(0o600)
    return Pool(directory, name="elsewhere", mode=(), config=(
        f'[pool]\nsize = 2\n[account]\nuser = "{pool.local["user"]}"\n'
        f'access_key_file = "{directory}/key"\nrest_url = "{rest_url}"\n'
        f'ca_file = "{pool.local["ca_file"]}"\n[control]\napi_address = "127.0.0.1:0"\n'))


def examine(mine, *words):
    return mine.verb("doctor", "--config", str(mine.config), *words)


def test_a_healthy_pool(pool):
    answer = pool.verb("doctor")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "✗" not in answer.stdout
    assert all(len(line) <= 100 for line in answer.stdout.splitlines())
    checks = checks_of(pool.verb("doctor", "--json"))
    for name in ("config", "supervisor", "run directory", "state directory", "log directory",
                 "open files", "api address", "server", "tls", "clock", "credentials", "tunnels"):
        assert checks[name]["state"] == "ok", checks[name]
    for worker in pool.workers():
        check = checks[f"worker {worker['slot']}.{worker['generation']}"]
        assert check["state"] == "ok" and "went through" in check["finding"], check
    jobs = pool.rest("GET", f"/{pool.local['user']}/jobs")[1]
    assert [job for job in jobs if (job.get("label") or "").startswith("doctor")] == []


def test_a_configuration_that_is_right(pool, tmp_path):
    mine = other_pool(pool, tmp_path / "right", pool.local["rest_url"], pool.access_key)
    answer = examine(mine, "--json")
    checks = checks_of(answer)
    assert answer.returncode == 0 and failed(checks) == set()
    assert checks["supervisor"]["state"] == "skipped"
    assert checks["tls"]["state"] == checks["credentials"]["state"] == "ok"
    assert not (mine.directory / "state").exists()  # looking makes nothing


def test_a_wrong_key_is_named(pool, tmp_path):
    mine = other_pool(pool, tmp_path / "wrong", pool.local["rest_url"], "wrong")
    answer = examine(mine)
    assert answer.returncode == 1
    assert "✗ credentials" in answer.stdout and "SAUCE_ACCESS_KEY" in answer.stdout
    assert failed(checks_of(examine(mine, "--json"))) == {"credentials"}


def test_an_unreachable_server_is_named(pool, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    mine = other_pool(pool, tmp_path / "gone", f"https://127.0.0.1:{port}/rest/v1", "any")
    answer = examine(mine)
    assert answer.returncode == 1
    assert "✗ server" in answer.stdout and str(port) in answer.stdout
    assert "account.rest_url" in answer.stdout
    assert failed(checks_of(examine(mine, "--json"))) == {"server"}


def test_a_taken_port_and_an_unusable_directory(pool, tmp_path):
    mine = other_pool(pool, tmp_path / "taken", pool.local["rest_url"], pool.access_key)
    (mine.directory / "log").write_text("a file where a directory should be")
    with socket.create_server(("127.0.0.1", 0)) as holder:
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        checks = checks_of(examine(mine, "--json", "--api-address", address))
    assert failed(checks) == {"api address", "log directory"}
    assert str(os.getpid()) in checks["api address"]["finding"]


def test_a_hung_worker_is_named(own_pool):
    own_pool.config.write_text('[pool]\nsize = 2\n[health]\nsilent_probes = 10000\n'
                               'unready_tolerance = "1h"\n')  # it is not to be replaced meanwhile
    own_pool.start()
    hung = own_pool.workers()[0]
    os.kill(hung["pid"], signal.SIGSTOP)
    try:
        answer = own_pool.verb("doctor", "--json", "--timeout", "2s")
        name = f"worker {hung['slot']}.{hung['generation']}"
        check = checks_of(answer)[name]
        assert answer.returncode == 1 and check["state"] == "failed", check
        assert f"drain {hung['slot']}" in check["mend"]
    finally:
        os.kill(hung["pid"], signal.SIGCONT)


def test_usage_and_a_broken_configuration(tmp_path):
    mine = Pool(tmp_path / "broken", name="broken", mode=(), config="[pool]\nsise = 3\n")
    assert mine.verb("doctor", "--frobnicate").returncode == 2
    assert mine.verb("doctor", "--timeout", "0").returncode == 2
    answer = examine(mine)
    assert answer.returncode == 1
    assert "✗ config" in answer.stdout and "pool.toml:2" in answer.stdout
