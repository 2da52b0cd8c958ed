"""Bodies of any size pass byte by byte, in bounded memory."""

import os
import threading

import pytest

from harness import program
from harness.deadline import eventually
from harness.fixtures import bearer_rule
from harness.http import chunk
from harness.origin import head
from harness.pattern import Pattern

MIB = 1 << 20
GIB = 1 << 30
# Sanitizers slow the proxy many times; the size shows the same either way.
SIZE = 256 * MIB if program.is_sanitized() else GIB
# A sanitizer's own bookkeeping grows by itself.
GROWTH_LIMIT_KIB = (256 if program.is_sanitized() else 16) * 1024


@pytest.fixture
def injecting_proxy(start_proxy, origin, secret):
    # AddressSanitizer holds on to what was freed, by default to 256 MiB of it.
    options = f"{os.environ.get('ASAN_OPTIONS', '')}:quarantine_size_mb=16"
    return start_proxy(
        {"credentials": [bearer_rule()]},
        {"api.test:443": origin},
        env={"API_KEY": secret, "ASAN_OPTIONS": options.lstrip(":")},
    )


@pytest.fixture
def client(injecting_proxy):
    # Not recorded: the bodies are checked as they come, and are too large to keep.
    with injecting_proxy.tls("api.test:443", record=False) as client:
        # The first request pays for what stays: sessions, certificates, pools.
        assert client.get("/warm").status == 200
        yield client


def growth_kib(proxy, before):
    """How far the resident memory's peak rose above `before`."""
    return proxy.memory_kib()[1] - before


def take_upload(turn):
    pattern = Pattern()
    for piece in turn.body_pieces():
        pattern.check(piece)
    turn.reply(200, body=str(pattern.count))


def test_a_large_upload_is_identical_and_memory_stays_bounded(injecting_proxy, client, origin):
    origin.routes["/"] = take_upload
    before, _ = injecting_proxy.memory_kib()
    client.send(b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: %d\r\n\r\n" % SIZE)
    for piece in Pattern.pieces(SIZE):
        client.send(piece)
    assert client.read_response("POST").text == str(SIZE)
    assert growth_kib(injecting_proxy, before) < GROWTH_LIMIT_KIB


def test_a_large_download_is_identical_and_memory_stays_bounded(injecting_proxy, client, origin):
    def download(turn):
        turn.finish_body()
        turn.send(head(200, [("Content-Length", str(SIZE))]))
        for piece in Pattern.pieces(SIZE):
            turn.send(piece)

    origin.routes["/"] = download
    before, _ = injecting_proxy.memory_kib()
    client.send_request("GET", "/")
    pattern = Pattern()
    for piece in client.read_head().body_pieces(client.stream, "GET"):
        pattern.check(piece)
    assert pattern.count == SIZE
    assert growth_kib(injecting_proxy, before) < GROWTH_LIMIT_KIB


def test_large_chunked_bodies_pass_both_ways_at_once(injecting_proxy, client, origin):
    size = SIZE // 8

    def echo(turn):
        turn.send(head(200, [("Transfer-Encoding", "chunked")]))
        for piece in turn.body_pieces():
            turn.send(chunk(piece))
        turn.send(b"0\r\n\r\n")

    origin.routes["/"] = echo
    client.send(b"POST / HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n")

    def send():
        for piece in Pattern.pieces(size, 50_000):
            client.send(chunk(bytes(piece)))
        client.send(b"0\r\n\r\n")

    sender = threading.Thread(target=send)
    sender.start()
    pattern = Pattern()
    for piece in client.read_head().body_pieces(client.stream, "POST"):
        pattern.check(piece)
    sender.join()
    assert pattern.count == size


def test_a_client_that_does_not_read_stops_the_origin_and_not_the_proxy(
    injecting_proxy, client, origin
):
    sent = [0]
    gone = threading.Event()

    def pour(turn):
        turn.finish_body()
        turn.send(head(200, [("Transfer-Encoding", "chunked")]))
        try:
            for piece in Pattern.pieces(GIB):
                turn.send(chunk(bytes(piece)))
                sent[0] += len(piece)
        except OSError:
            gone.set()
            raise

    origin.routes["/"] = pour
    before, _ = injecting_proxy.memory_kib()
    client.send_request("GET", "/")
    assert client.read_head().status == 200
    wait_until_still(sent)
    # What the sockets' buffers and the proxy hold together, far below what the origin has.
    assert sent[0] < 64 * MIB
    assert growth_kib(injecting_proxy, before) < GROWTH_LIMIT_KIB
    # Another client is served meanwhile.
    assert injecting_proxy.get("https://api.test/other").status == 200
    client.close()
    assert gone.wait(20), "the origin was never told that the client had gone"


def test_an_origin_that_does_not_read_stops_the_client_and_not_the_proxy(
    injecting_proxy, client, origin
):
    release = threading.Event()

    def stuck(turn):
        turn.wait(release, "go on")
        take_upload(turn)

    origin.routes["/"] = stuck
    size = 64 * MIB
    sent = [0]
    before, _ = injecting_proxy.memory_kib()
    client.send(b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: %d\r\n\r\n" % size)

    def send():
        for piece in Pattern.pieces(size):
            client.send(piece)
            sent[0] += len(piece)

    sender = threading.Thread(target=send)
    sender.start()
    wait_until_still(sent)
    assert sent[0] < 48 * MIB
    assert growth_kib(injecting_proxy, before) < GROWTH_LIMIT_KIB
    release.set()
    sender.join()
    assert client.read_response("POST").text == str(size)


def test_a_large_body_passes_an_untouched_tunnel(start_proxy, origin):
    origin.routes["/"] = take_upload
    proxy = start_proxy(routes={"api.test:443": origin})
    size = SIZE // 8
    with proxy.tls("api.test:443", context=proxy.origin_context(), record=False) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: %d\r\n\r\n" % size)
        for piece in Pattern.pieces(size):
            client.send(piece)
        assert client.read_response("POST").text == str(size)


def wait_until_still(counter):
    """Waits until `counter[0]` is above zero and has not moved for a while."""
    state = {"last": 0, "same": 0}

    def still():
        if counter[0] == state["last"] and counter[0] > 0:
            state["same"] += 1
        else:
            state["last"], state["same"] = counter[0], 0
        return state["same"] > 60

    eventually(still, "the flow coming to rest")
