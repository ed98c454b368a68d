"""What HTTP clients send and get through the pool arrives as it was meant."""

import concurrent.futures
import gzip
import hashlib
import json
import socket
import subprocess

import pytest

from clients import basic, connect, exchange_raw, get, open_connect, receive_all, receive_head
from origin_site import GZIPPED, content, content_digest
from pool import SANITIZED, peak_memory, wait_for

GIB = 1 << 30
PEAK_BOUND = 96 << 20


def curl(pool, *arguments, credential=None):
    host, port = pool.ingress
    command = ["curl", "-sS", "--fail-with-body", "--proxy", f"http://{host}:{port}", "--noproxy", "",
               "--proxy-user", credential or pool.credential(), *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def check_memory(pool):
    peaks = {pid: peak_memory(pid) for pid in pool.pids()}
    print("peak memory:", {pid: f"{peak / 2**20:.1f} MiB" for pid, peak in peaks.items()})
    if not SANITIZED:
        assert max(peaks.values()) < PEAK_BOUND


def test_one_gibibyte_down(pool, site):
    process = curl(pool, f"{site.url}/bytes/{GIB}")
    digest = hashlib.sha256()
    while piece := process.stdout.read(1 << 20):
        digest.update(piece)
    assert process.wait() == 0
    assert digest.hexdigest() == content_digest(GIB)
    check_memory(pool)


def test_one_gibibyte_up(pool, site):
    process = curl(pool, "-X", "POST", "-T", "-", f"{site.url}/digest")
    for block in content(GIB):
        process.stdin.write(block)
    process.stdin.close()
    answer = json.loads(process.stdout.read())
    assert process.wait() == 0
    assert answer == {"sha256": content_digest(GIB), "length": GIB, "trailers": [], "chunked": True}
    check_memory(pool)


def test_https_through_connect(pool, site):
    process = curl(pool, "--cacert", site.ca_file, f"{site.secure_url}/bytes/5000000")
    assert hashlib.sha256(process.communicate()[0]).hexdigest() == content_digest(5000000)
    assert process.returncode == 0


def test_upload_with_a_length(pool, site):
    body = b"".join(content(3_000_000))
    status, _, answer = get(pool.ingress, f"{site.url}/digest", pool.credential(), method="POST", body=body)
    assert status == 200
    answer = json.loads(answer)
    assert answer["sha256"] == content_digest(3_000_000)
    assert not answer["chunked"]


def test_chunked_answers_and_request_trailers(pool, site):
    status, _, body = get(pool.ingress, f"{site.url}/chunked?count=500", pool.credential())
    assert status == 200
    assert body == b"".join(f"piece {number}\n".encode() for number in range(500))
    request = (f"POST {site.url}/digest HTTP/1.1\r\nHost: {site.authority}\r\n"
               f"Proxy-Authorization: {basic(pool.credential())}\r\nTransfer-Encoding: chunked\r\n"
               f"Trailer: X-Check\r\nConnection: close\r\n\r\n"
               "5\r\nhello\r\n0\r\nX-Check: kept\r\nContent-Length: 99\r\n\r\n")
    answer = exchange_raw(pool.ingress, request.encode())
    result = json.loads(answer[answer.index(b"{"):answer.rindex(b"}") + 1])
    assert result["length"] == 5
    assert ["x-check", "kept"] in [[name.lower(), value] for name, value in result["trailers"]]
    assert "content-length" not in [name.lower() for name, _ in result["trailers"]]


def test_answer_trailers_keep_what_is_theirs_alone(pool, site):
    answer = exchange_raw(pool.ingress, (
        f"GET {site.url}/trailers HTTP/1.1\r\nHost: {site.authority}\r\nTE: trailers\r\n"
        f"Proxy-Authorization: {basic(pool.credential())}\r\nConnection: close\r\n\r\n").encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"5\r\nhello\r\n0\r\n" in body
    assert b"x-digest: abc" in body.lower()
    assert b"content-length" not in body.lower()


def test_server_sent_events_come_one_by_one(pool, site):
    with connect(pool.ingress) as connection:
        connection.sendall((f"GET {site.url}/sse?gate=sse&count=5 HTTP/1.1\r\nHost: {site.authority}\r\n"
                            f"Proxy-Authorization: {basic(pool.credential())}\r\n\r\n").encode())
        status, _, data = receive_head(connection)
        assert status == 200
        for number in range(5):
            # The site sends the next event only now: it must arrive before another one exists.
            get(site.address, f"{site.url}/open?gate=sse")
            while f"data: event {number}\n\n".encode() not in data:
                piece = connection.recv(4096)
                assert piece, f"the stream ended before event {number}"
                data += piece
            assert f"event {number + 1}".encode() not in data


def test_expect_continue_is_the_sites_decision(pool, site):
    with connect(pool.ingress) as connection:
        connection.sendall((
            f"POST {site.url}/continue?gate=continue HTTP/1.1\r\nHost: {site.authority}\r\n"
            f"Proxy-Authorization: {basic(pool.credential())}\r\nContent-Length: 4\r\n"
            "Expect: 100-continue\r\n\r\n").encode())
        get(site.address, f"{site.url}/open?gate=continue")
        assert receive_head(connection)[0] == 100
        connection.sendall(b"body")
        status, _, body = receive_head(connection)
        while not body.endswith(b"}"):
            body += connection.recv(4096)
        assert status == 200
        assert json.loads(body) == {"early": 0, "length": 4, "expect": "100-continue"}
    with connect(pool.ingress) as connection:
        connection.sendall((
            f"POST {site.url}/refuse HTTP/1.1\r\nHost: {site.authority}\r\n"
            f"Proxy-Authorization: {basic(pool.credential())}\r\nContent-Length: 1000000\r\n"
            "Expect: 100-continue\r\n\r\n").encode())
        assert receive_head(connection)[0] == 417


def test_early_hints_are_passed_on(pool, site):
    with connect(pool.ingress) as connection:
        connection.sendall((f"GET {site.url}/hints HTTP/1.1\r\nHost: {site.authority}\r\n"
                            f"Proxy-Authorization: {basic(pool.credential())}\r\n"
                            "Connection: close\r\n\r\n").encode())
        answer = receive_all(connection)
    assert answer.startswith(b"HTTP/1.1 103 ")
    assert b"HTTP/1.1 200 " in answer


def test_answers_without_a_body(pool, site):
    for method, path, status in [("HEAD", "/bytes/12345", 200), ("GET", "/status/204", 204),
                                 ("GET", "/status/304", 304), ("GET", "/status/404", 404)]:
        got, fields, body = get(pool.ingress, site.url + path, pool.credential(), method=method)
        fields = {name.lower(): value for name, value in fields}
        assert (got, body) == (status, b""), path
        if method == "HEAD":
            assert fields["content-length"] == "12345"
        else:
            assert fields["x-kept"] == "yes"
    # One connection for all four: nothing of one answer may leak into the next.
    request = "".join(
        f"{method} {site.url}{path} HTTP/1.1\r\nHost: {site.authority}\r\n"
        f"Proxy-Authorization: {basic(pool.credential())}\r\n{last}\r\n"
        for method, path, last in [("HEAD", "/bytes/7", ""), ("GET", "/status/204", ""),
                                   ("GET", "/status/304", ""), ("GET", "/", "Connection: close\r\n")])
    answer = exchange_raw(pool.ingress, request.encode())
    assert answer.count(b"HTTP/1.1 ") == 4
    assert answer.endswith(b"the site is here\n")


def test_compressed_bodies_are_not_touched(pool, site):
    _, fields, body = get(pool.ingress, f"{site.url}/gzip", pool.credential(),
                          fields=[("Accept-Encoding", "gzip")])
    assert body == GZIPPED
    assert gzip.decompress(body).count(b"\n") == 1000
    assert ("content-encoding", "gzip") in [(name.lower(), value) for name, value in fields]


def test_fields_arrive_and_hop_by_hop_ones_do_not(pool, site):
    status, fields, body = get(pool.ingress, f"{site.url}/fields", pool.credential(), fields=[
        ("X-One", "1"), ("Connection", "X-Private"), ("X-Private", "hidden"), ("Cookie", "a=1; b=2"),
        ("Tunnel-Secret", "never"), ("Proxy-Connection", "keep-alive")])
    assert status == 200
    seen = {name.lower(): value for name, value in json.loads(body)["fields"]}
    assert seen["x-one"] == "1"
    assert seen["cookie"] == "a=1; b=2"
    assert seen["host"] == site.authority
    assert "via" in seen
    for gone in ("x-private", "proxy-authorization", "proxy-connection", "tunnel-secret"):
        assert gone not in seen, gone
    cookies = [value for name, value in fields if name.lower() == "set-cookie"]
    assert cookies == ["a=1", "b=2; Path=/"]


def test_half_closed_connections_stay_half_open(pool, site):
    connection, status, _, _ = open_connect(pool.ingress, site.echo, pool.credential())
    assert status == 200
    body = b"".join(content(2_000_000))
    connection.sendall(body)
    connection.shutdown(socket.SHUT_WR)
    answer = json.loads(receive_all(connection))
    connection.close()
    assert answer == {"length": len(body), "sha256": content_digest(len(body))}


def ask(connection, site, pool, path):
    """Sends a request and receives the head: (status, first bytes of the body)."""
    connection.sendall((f"GET {site.url}{path} HTTP/1.1\r\nHost: {site.authority}\r\n"
                        f"Proxy-Authorization: {basic(pool.credential())}\r\n\r\n").encode())
    status, _, body = receive_head(connection)
    return status, body


def streams_of(pool):
    return sum(worker["streams"] for worker in pool.workers())


class HalfClosedReader:
    """A client that has no more to say, and takes in a large answer as slowly as it likes."""

    SIZE = 64 << 20  # more than all buffers on the way

    def __init__(self, connection, site, pool):
        self.connection, self.digest = connection, hashlib.sha256()
        status, body = ask(connection, site, pool, f"/bytes/{self.SIZE}")
        assert status == 200
        connection.shutdown(socket.SHUT_WR)
        self.digest.update(body)
        self.length = len(body)

    def receive(self, most):
        piece = self.connection.recv(most)
        assert piece, f"cut after {self.length} bytes"
        self.digest.update(piece)
        self.length += len(piece)

    def receive_rest(self):
        while self.length < self.SIZE:
            self.receive(1 << 20)
        assert self.digest.hexdigest() == content_digest(self.SIZE)


def test_who_has_left_is_told_from_who_reads_slowly(own_pool, site):
    """Of both the server has seen a FIN and nothing since. The stream of the one that left ends at the site, though
    that is silent; the other gets its whole answer, however long it takes hardly any of it."""
    own_pool.config.write_text('[health]\nprobe_period = "1s"\n')
    pool = own_pool.start()
    with connect(pool.ingress, receive_buffer=16 << 10) as connection, \
            concurrent.futures.ThreadPoolExecutor() as at_the_site:
        slow = HalfClosedReader(connection, site, pool)
        with connect(pool.ingress) as leaving:
            status, events = ask(leaving, site, pool, "/silent?gate=left")
            assert status == 200
            while b"data: the only one\n\n" not in events:
                piece = leaving.recv(4096)
                assert piece, f"ended after {events}"
                events += piece
        left = at_the_site.submit(get, site.address, f"{site.url}/await?gate=left")

        def slow_one_is_alone():
            slow.receive(1024)
            return left.done() and streams_of(pool) == 1
        wait_for(slow_one_is_alone, "the stream of the browser that left ends")
        assert left.result()[0] == 200
        slow.receive_rest()
    wait_for(lambda: streams_of(pool) == 0, "no stream is left")


def test_a_body_that_ends_with_its_connection(pool, site):
    assert get(pool.ingress, f"{site.url}/until-close", pool.credential())[2] == b"until the end"


def test_a_cut_answer_is_never_passed_off_as_whole(pool, site):
    process = curl(pool, f"{site.url}/cut")
    body, _ = process.communicate()
    assert process.returncode != 0
    assert len(body) <= 1000


def test_a_malformed_answer_of_the_site_is_the_sites_fault(pool, site):
    status, fields, _ = get(pool.ingress, f"{site.url}/bad-head", pool.credential())
    assert status == 502
    proxy_status = next(value for name, value in fields if name.lower() == "proxy-status")
    assert "http_protocol_error" in proxy_status


@pytest.mark.parametrize("name", ["plain", "named"])
def test_the_open_proxy_needs_no_credential(pool, site, name):
    url = site.url if name == "plain" else site.url.replace("localhost", "127.0.0.1")
    assert get(pool.open_ingress, url + "/")[2] == b"the site is here\n"
