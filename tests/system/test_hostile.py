"""Requests nobody well-behaved sends: a clear error each time, never a crash, a hang or a 5xx."""
import os
import random
import socket
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree

import pytest

from b3cluster import checksum, fetch, wait_until
from conftest import in_parallel


@pytest.fixture(scope="module")
def tenant(shared_cluster):
    return shared_cluster.tenant("math")


@pytest.fixture(autouse=True)
def still_well(shared_cluster, tenant):
    """After each of these tests the same process answers as before."""
    pid = shared_cluster.daemon.process.pid
    yield
    assert shared_cluster.daemon.process.running and shared_cluster.daemon.process.pid == pid
    assert tenant.call("getMeetings").success


def exchange(tenant, data, seconds=10.0, half_close=False):
    """Sends raw bytes; everything that comes back until the other side closes or is silent."""
    host = urllib.parse.urlsplit(tenant.url)
    with socket.create_connection((host.hostname, host.port), timeout=seconds) as connection:
        received = b""
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65536):
                received += chunk
        except (ConnectionResetError, BrokenPipeError):
            pass
        return received


def shortly(parameter):
    """A parameter as a short test name."""
    return ascii(parameter)[:40]


def status_of(received):
    return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/1.") else None


def path_of(tenant, call="getMeetings"):
    return urllib.parse.urlsplit(f"{tenant.url}/{call}").path


def signed(tenant, call, raw_query):
    """Hostile, but signed: what a compromised or broken application can send."""
    sum_ = checksum(call, raw_query, tenant.secret)
    separator = "&" if raw_query else ""
    return f"{path_of(tenant, call)}?{raw_query}{separator}checksum={sum_}"


def get(tenant, target, headers=""):
    request = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n"
    return exchange(tenant, request.encode("latin-1"))


def refused(received):
    """A 4xx, or BBB's FAILED in a 200."""
    status = status_of(received)
    assert status is not None, received[:200]
    if status == 200:
        root = ElementTree.fromstring(received.split(b"\r\n\r\n", 1)[1])
        assert root.findtext("returncode") == "FAILED", received
        assert root.findtext("messageKey") and root.findtext("message")
        return True
    assert 400 <= status < 500, received[:200]
    return True


@pytest.mark.parametrize("query", [
    "meetingID=%zz", "meetingID=%", "meetingID=%4", "meetingID=%00", "meetingID=a%00b",
    "meetingID=%ff%fe", "meetingID=%c0%80", "meetingID=a%0d%0aSet-Cookie:x=1",
    "meetingID=ab&meetingID=cd", "meetingID=ab&meeting%49D=cd", "=ab", "%00=ab&meetingID=ab",
    "meetingID[]=ab", "meetingID=ab;meetingID=cd,", "meetingID=" + "a" * 257,
    "meetingID=" + "%F0%9F%98%80" * 300, "&".join(f"p{i}=1" for i in range(1500)),
    "x" * 300 + "=1", "name=&meetingID=",
], ids=shortly)
@pytest.mark.parametrize("call", ["create", "join", "getMeetingInfo", "end"])
def test_a_signed_but_malformed_query_is_refused(tenant, call, query):
    received = get(tenant, signed(tenant, call, query))
    assert refused(received)
    assert b"Set-Cookie" not in received.split(b"\r\n\r\n", 1)[0]
    assert tenant.meeting_ids() == []


def test_a_redirect_cannot_be_given_extra_headers_or_another_host(shared_cluster, tenant):
    tenant.create("target")
    try:
        for name in ("a\r\nSet-Cookie: x=1", "a\nb", "\x7f", "<script>alert(1)</script>", '"><img>',
                     "&checksum=1&password=mp", "#", "%", "ä" * 200):
            answer = tenant.join("target", name)
            if answer.status == 302:
                assert shared_cluster.nodes.name_of(answer.headers["location"])
                assert "set-cookie" not in answer.headers
                assert b"<script" not in answer.body and b"<img" not in answer.body
                query = urllib.parse.urlsplit(answer.headers["location"]).query
                sent = urllib.parse.parse_qs(query, strict_parsing=True)
                assert sent["fullName"] == [name] and len(sent["checksum"]) == 1
                assert sent["password"] == ["ap"]
            else:
                assert answer.status < 500
    finally:
        tenant.end("target")


@pytest.mark.parametrize("target", [
    "/bbb/math/create?%", "/bbb/%/create", "/bbb/%00/create", "/bbb//create", "/bbb/../math/create",
    "/bbb/math/%63reate", "/bbb/math/create%00", "/bbb", "/bbb/", "//", "/bbb/" + "a" * 5000,
    "/bbb/math" + "/x" * 3000, "/?" + "a=b&" * 5000, "/b3s/retry-join/" + "A" * 20000,
    "/b3s/retry-join/..%2f..", "/api/v1/%00", "/api/v1/meetings/%zz", "/api/v2", "/bbb/math/join?" +
    "checksum=" * 3000, "/bbb/math/?checksum=" + "0" * 64, "/%2e%2e/%2e%2e/etc/passwd",
], ids=shortly)
def test_strange_paths_get_a_clear_answer(tenant, target):
    status = status_of(get(tenant, target))
    assert status is not None and status < 500


@pytest.mark.parametrize("request_bytes", [
    b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
    b"G\x00T / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20000 + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 200000 + b"\r\n\r\n",
    b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n",
], ids=shortly)
def test_malformed_http_is_refused_and_the_connection_ends(tenant, request_bytes):
    received = exchange(tenant, request_bytes, seconds=8, half_close=True)
    status = status_of(received)
    assert status is None or 400 <= status < 500 or status in (501, 505), received[:200]


@pytest.mark.parametrize("body", [
    b"5\r\nabc", b"ffffffffffffffff\r\nabc", b"zz\r\nabc\r\n0\r\n\r\n", b"-1\r\n\r\n",
    b"3;" + b"x" * 100000 + b"\r\nabc\r\n0\r\n\r\n",
], ids=shortly)
def test_broken_chunks_are_refused(tenant, body):
    target = signed(tenant, "create", "meetingID=chunked&name=x")
    head = (f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/xml\r\n"
            "Transfer-Encoding: chunked\r\n\r\n").encode()
    status = status_of(exchange(tenant, head + body, half_close=True))
    assert status is None or 400 <= status < 500
    assert tenant.meeting_ids() == []


@pytest.mark.parametrize("call, content_type, size", [
    ("create", "application/xml", 40 * 1024 * 1024),
    ("create", "application/x-www-form-urlencoded", 2 * 1024 * 1024),
    ("getMeetings", "application/x-www-form-urlencoded", 2 * 1024 * 1024),
], ids=shortly)
def test_a_body_that_is_too_large_is_refused(tenant, call, content_type, size):
    target = signed(tenant, call, "meetingID=large&name=x" if call == "create" else "")
    head = (f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {size}\r\n\r\n").encode()
    assert refused(exchange(tenant, head + b"a" * size))
    assert tenant.meeting_ids() == []


def test_an_unsigned_body_is_not_even_read(tenant):
    """Whoever has no secret cannot make b3scale keep megabytes of theirs."""
    size = 20 * 1024 * 1024
    head = (f"POST {path_of(tenant, 'create')}?meetingID=x&checksum={'0' * 64} HTTP/1.1\r\n"
            f"Host: x\r\nContent-Type: application/xml\r\nContent-Length: {size}\r\n\r\n").encode()
    assert refused(exchange(tenant, head + b"a" * 100))


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data", "text/plain",
                                          "", "application/xml; charset=\x01"])
def test_other_content_types_on_create_are_refused(tenant, content_type):
    target = signed(tenant, "create", "meetingID=typed&name=x")
    request = (f"POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
               f"Content-Type: {content_type}\r\nContent-Length: 2\r\n\r\n{{}}").encode("latin-1")
    assert refused(exchange(tenant, request))
    assert tenant.meeting_ids() == []


def test_other_methods_are_refused(tenant):
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "FOO"):
        request = (f"{method} {signed(tenant, 'getMeetings', '')} HTTP/1.1\r\nHost: x\r\n"
                   "Connection: close\r\n\r\n")
        status = status_of(exchange(tenant, request.encode()))
        assert status in (200, 204, 400, 405, 501) and status != 500, (method, status)


def test_slow_senders_hold_up_nobody(tenant):
    """Half a request on many connections: others are served at once meanwhile."""
    host = urllib.parse.urlsplit(tenant.url)
    slow = [socket.create_connection((host.hostname, host.port), timeout=5) for _ in range(200)]
    try:
        for connection in slow:
            connection.sendall(b"GET /bbb/math/getMee")
        for _ in range(20):
            started = time.monotonic()
            assert tenant.call("getMeetings").success
            assert time.monotonic() - started < 2
        for connection in slow:  # one more byte each; they are still only half there
            connection.sendall(b"t")
        assert tenant.call("getMeetings").success
    finally:
        for connection in slow:
            connection.close()


def test_a_request_that_never_gets_complete_is_cut_off(tenant):
    host = urllib.parse.urlsplit(tenant.url)
    with socket.create_connection((host.hostname, host.port), timeout=25) as connection:
        connection.sendall(b"GET /bbb/math/getMeetings HTTP/1.1\r\nHost:")
        received = connection.recv(4096)  # a 408, or just the end
        assert received == b"" or status_of(received) == 408


def test_connections_that_break_off_everywhere_do_no_harm(tenant):
    request = (f"GET {signed(tenant, 'getMeetings', '')} HTTP/1.1\r\nHost: x\r\n\r\n").encode()
    host = urllib.parse.urlsplit(tenant.url)
    for end in range(0, len(request), 7):
        connection = socket.create_connection((host.hostname, host.port), timeout=5)
        connection.sendall(request[:end])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST
        connection.close()


def test_random_bytes_are_survived(tenant):
    chance = random.Random(20261121)
    for _ in range(60):
        noise = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 400)))
        prefix = chance.choice([b"", b"GET /bbb/math/", b"POST /bbb/math/create?", b"GET /api/v1/"])
        exchange(tenant, prefix + noise, seconds=8, half_close=True)


def test_requests_one_after_the_other_on_one_connection_are_answered_in_order(tenant):
    targets = [signed(tenant, "isMeetingRunning", f"meetingID=m{i}x") for i in range(20)]
    requests = "".join(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n" for target in targets[:-1])
    requests += f"GET {targets[-1]} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    received = exchange(tenant, requests.encode())
    assert received.count(b"HTTP/1.1 200") == 20 and received.count(b"<running>") == 20


@pytest.mark.parametrize("document", [
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><modules>&x;</modules>',
    b"<modules>" * 5000, b"\x00\x01\x02", b"not xml at all",
], ids=shortly)
def test_a_hostile_create_body_is_the_nodes_business_and_does_no_harm(tenant, document):
    answer = fetch(tenant.signed_url("create", meetingID="xmlbody", name="x", attendeePW="ap",
                                     moderatorPW="mp"),
                   "POST", document, {"Content-Type": "application/xml"})
    assert answer.status < 500
    assert ElementTree.fromstring(answer.body).findtext("returncode") in ("SUCCESS", "FAILED")
    assert b"root:" not in answer.body
    tenant.end("xmlbody")


def test_many_hostile_requests_at_once_leak_no_connections(shared_cluster, tenant):
    fds = f"/proc/{shared_cluster.daemon.process.pid}/fd"
    assert tenant.call("getMeetings").success
    before = len(os.listdir(fds))

    def bother(i):
        for n in range(15):
            exchange(tenant, b"GET /bbb/math/create?%zz HTTP/1.1\r\nHost: x\r\n\r\n"[:10 + 3 * n],
                     seconds=5, half_close=True)

    in_parallel(20, bother)
    wait_until(lambda: len(os.listdir(fds)) <= before + 10, "connections are left behind")
