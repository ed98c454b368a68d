"""Bad input gets one clear answer, and nothing is half done."""

import json
import os
import socket
import subprocess

import pytest

from clients import basic, exchange_raw, get, open_connect, receive_all
from pool import BIN, Pool, wait_for

SMUGGLING = {
    "length and coding": ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    "two lengths": ("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"),
    "folded field": ("X-Folded: one\r\n two\r\n", ""),
    "bare line feed": ("X-Line: one\nX-Other: two\r\n", ""),
    "space before colon": ("X-Space : value\r\n", ""),
    "length with sign": ("Content-Length: +5\r\n", "hello"),
    "obscured coding": ("Transfer-Encoding: xchunked\r\n", ""),
    "two hosts": ("Host: other.example\r\n", ""),
}


@pytest.mark.parametrize("case", SMUGGLING)
def test_ambiguous_heads_are_refused(pool, site, case):
    fields, body = SMUGGLING[case]
    answer = exchange_raw(pool.ingress, (
        f"POST {site.url}/digest HTTP/1.1\r\nHost: {site.authority}\r\n"
        f"Proxy-Authorization: {basic(pool.credential())}\r\n{fields}\r\n{body}").encode())
    status = int(answer.split(b" ")[1])
    assert status in (400, 501), answer
    assert answer.count(b"HTTP/1.1 ") == 1  # and the connection was closed
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("target", ["169.254.169.254:80", "[fd00:ec2::254]:80",
                                    "[::ffff:169.254.169.254]:80", "2852039166:80", "0xa9fea9fe:80"])
def test_metadata_addresses_are_out_of_reach(pool, target):
    connection, status, fields, _ = open_connect(pool.ingress, target, pool.credential())
    connection.close()
    assert status == 403
    proxy_status = dict((name.lower(), value) for name, value in fields)["proxy-status"]
    assert "destination_ip_prohibited" in proxy_status or "http_request_denied" in proxy_status


def test_localhost_is_denied_unless_allowed(own_pool, site):
    own_pool.config.write_text('[worker]\nproxy_localhost = "deny"\n')
    own_pool.start()
    port = site.address[1]
    for host in ("localhost", "127.0.0.1", "127.9.9.9", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"):
        connection, status, fields, _ = open_connect(own_pool.ingress, f"{host}:{port}",
                                                     own_pool.credential())
        connection.close()
        assert status == 403, host
        assert "proxy-status" in [name.lower() for name, _ in fields]


def test_errors_say_who_failed(pool):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    for url, error in [(f"http://127.0.0.1:{port}/", "connection_refused"),
                       ("http://no-such-host.invalid/", "dns_error")]:
        status, fields, body = get(pool.ingress, url, pool.credential())
        assert status == 502
        proxy_status = next(value for name, value in fields if name.lower() == "proxy-status")
        assert f"error={error}" in proxy_status
        assert b"worker" in body.lower() or b"site" in body.lower()


def test_proxy_credentials_are_checked(pool, site):
    for credential in [None, "local:wrong", "nobody:" + pool.access_key]:
        status, fields, _ = get(pool.ingress, f"{site.url}/", credential)
        assert status == 407
        assert any(name.lower() == "proxy-authenticate" for name, _ in fields)
        connection, status, fields, rest = open_connect(pool.ingress, site.authority, credential)
        assert status == 407
        receive_all(connection)  # the proxy closes
        connection.close()
    status, _, _ = get(pool.ingress, f"{site.url}/", pool.credential(tunnel="no-such-tunnel"))
    assert status == 503


def run(directory, *words, **environment):
    inherited = {key: value for key, value in os.environ.items() if key.endswith("SAN_OPTIONS")}
    return subprocess.run([BIN / words[0], *words[1:]], capture_output=True, text=True, timeout=60,
                          env={"PATH": os.environ["PATH"], "HOME": str(directory), **inherited,
                               **environment})


def test_unknown_flags_and_keys_name_the_mend(tmp_path):
    answer = run(tmp_path, "sc-worker", "run", "--tunel-name", "x")
    assert answer.returncode == 2
    assert "--tunel-name" in answer.stderr and "--tunnel-name" in answer.stderr
    answer = run(tmp_path, "sc-worker", "run", "--pac", "file.pac")
    assert answer.returncode == 2
    assert "--pac" in answer.stderr and "not supported yet" in answer.stderr
    config = tmp_path / "pool.toml"
    config.write_text('[pool]\nsise = 3\n')
    answer = run(tmp_path, "sc-pool", "config", "check", "--config", str(config))
    assert answer.returncode == 2
    assert "pool.toml:2" in answer.stdout + answer.stderr
    assert "size" in answer.stdout + answer.stderr
    answer = run(tmp_path, "sc-pool", "up", "--local", "--config", str(config))
    assert answer.returncode == 2
    assert "pool.toml:2" in answer.stderr
    answer = run(tmp_path, "sc-pool", "frobnicate")
    assert answer.returncode == 2


def test_no_supervisor_there(tmp_path):
    answer = run(tmp_path, "sc-pool", "status", "--pool", "nobody", RUNTIME_DIRECTORY=str(tmp_path))
    assert answer.returncode == 3
    assert "nobody" in answer.stderr


def check_refused_start(pool, *words):
    """The pool does not come up, says why in words, exits with 1 and leaves nothing."""
    pool.start(ready=False)
    wait_for(lambda: pool.process.poll() is not None, "sc-pool gives up")
    assert pool.process.returncode == 1
    text = pool.output.read_text()
    for word in words:
        assert word in text, text
    assert pool.pids() == []
    assert pool.left_over_files() == []


def test_a_taken_port_names_its_holder(own_pool):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        own_pool.arguments += ["--api-address", f"127.0.0.1:{port}"]
        check_refused_start(own_pool, str(port), str(os.getpid()))


def test_an_unusable_log_directory(own_pool):
    (own_pool.directory / "log").write_text("a file where a directory should be")
    check_refused_start(own_pool, "log")


def test_a_pool_with_a_wrong_key_ends_and_says_so(pool, tmp_path):
    """A server of one's own and a key it does not know."""
    (tmp_path / "key").write_text("wrong")
    (tmp_path / "key").chmod(0o600)
    mine = Pool(tmp_path / "remote", name="remote", mode=(), config=(
        f'[pool]\nsize = 2\n[account]\nuser = "local"\naccess_key_file = "{tmp_path}/key"\n'
        f'rest_url = "{pool.local["rest_url"]}"\nca_file = "{pool.local["ca_file"]}"\n'))
    try:
        check_refused_start(mine, "access key", "local")
    finally:
        mine.destroy()


def test_a_wrong_key_is_said_so(pool, tmp_path):
    answer = run(tmp_path, "sc-worker", "run", "--username", "local", "--access-key", "wrong",
                 "--rest-url", pool.local["rest_url"], "--cacert-file", pool.local["ca_file"],
                 "--tunnel-name", "x")
    assert answer.returncode == 1
    assert "access key" in answer.stderr.lower() or "credentials" in answer.stderr.lower()


def test_an_unreachable_server_is_said_so(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    answer = run(tmp_path, "sc-worker", "run", "--username", "u", "--access-key", "k",
                 "--rest-url", f"https://127.0.0.1:{port}/rest/v1", "--tunnel-name", "x")
    assert answer.returncode == 1
    assert str(port) in answer.stderr


def test_rest_errors_are_json(pool):
    user = pool.local["user"]
    for method, path, body, status in [
            ("GET", f"/{user}/tunnels/{'0' * 32}", None, 404),
            ("GET", "/nobody/tunnels", None, 404),
            ("POST", f"/{user}/tunnels", {"protocol": "kgp", "tunnel_identifier": "x"}, 400),
            ("PATCH", f"/{user}/tunnels", None, 405)]:
        got, answer = pool.rest(method, path, body)
        assert got == status, (path, answer)
        assert answer["error"]
    assert json.dumps(answer)
