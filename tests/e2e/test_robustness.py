"""Too many of everything: the proxy refuses what it must, and recovers."""

import os
import random
import resource
import socket
import struct
import threading
import time

import pytest

from harness.admin import Admin
from harness.client import connect
from harness.deadline import LIMIT_SECONDS, eventually
from harness.fixtures import bearer_rule
from harness.program import is_sanitized, needs_root

SANITIZED = is_sanitized()
CROWD = 200 if SANITIZED else 1000
# How long `test_a_soak…` goes on; an hour before a release.
SOAK_SECONDS = float(os.environ.get("SALLYPORT_SOAK_SECONDS", "5"))


@pytest.fixture
def start_busy(start_proxy, origin, secret):
    """A proxy that injects for api.test."""

    def start(*args, **options):
        return start_proxy(
            {"credentials": [bearer_rule()]},
            {"api.test:443": origin},
            env={"API_KEY": secret},
            args=["--admin", "127.0.0.1:0", *args],
            **options,
        )

    return start


def open_fds(proxy):
    return Admin(proxy).value("process_open_fds")


def settle(proxy, fds):
    """Waits until no more descriptors are open than there were."""
    eventually(lambda: open_fds(proxy) <= fds, f"{fds} open descriptors", limit=3 * LIMIT_SECONDS)


@pytest.fixture
def many_descriptors():
    """Lets this process open as many descriptors as it may; gives that number."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def works(proxy):
    with proxy.tls("api.test:443") as client:
        return client.get("/").status == 200


def fresh_request_ends(proxy):
    """One request on fresh connections comes to some end: any answer, or a closed connection."""
    try:
        with proxy.open("api.test:443", record=False) as client:
            client.sock.settimeout(0.2)
            client.send_request("CONNECT", "api.test:443")
            if client.read_response("CONNECT").status != 200:
                return
            with client.start_tls(proxy.context(), "api.test") as inner:
                inner.authority = "api.test"
                inner.sock.settimeout(0.5)
                inner.get("/", [("Connection", "close")])
    except Exception:  # noqa: BLE001 - whatever ends it is an end
        pass


@needs_root
def test_each_descriptor_missing_in_turn_is_survived(start_busy, origin):
    origin.fallback = lambda turn: (turn.reply(200, [("Connection", "close")], b"ok"), turn.close())
    proxy = start_busy()
    assert works(proxy)
    base = open_fds(proxy)
    limits = resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE)
    highest = max(int(fd) for fd in os.listdir(f"/proc/{proxy.pid}/fd")) + 1
    for spare in range(8):
        resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, (highest + spare, limits[1]))
        fresh_request_ends(proxy)
        fresh_request_ends(proxy)
        resource.prlimit(proxy.pid, resource.RLIMIT_NOFILE, limits)
        assert works(proxy), f"with {spare} descriptors to spare"
    settle(proxy, base + 2)


def test_slow_clients_by_the_thousand_hold_up_nobody(start_busy, many_descriptors):
    proxy = start_busy("--head-timeout", "2s")
    base = open_fds(proxy)
    crowd = []
    for i in range(CROWD):
        sock = connect(proxy.address)
        # All kinds of beginnings that never come to an end.
        sock.sendall(
            [b"G", b"GET http://api.test/ HTTP/1.1\r\nX: ", b"\x05\x01", b"\x16\x03\x01\x02\x00\x01",
             b"CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n", b""][i % 6]
        )
        crowd.append(sock)
    assert works(proxy)
    settle(proxy, base + 3)
    for sock in crowd:
        sock.close()
    assert works(proxy)


def test_a_client_that_reads_nothing_holds_up_nobody(start_busy, origin, many_descriptors):
    body = b"x" * (1 << 20)
    origin.routes["/big"] = lambda turn: turn.reply(200, body=body)
    proxy = start_busy()
    before, _ = proxy.memory_kib()
    crowd = []
    for _ in range(20 if SANITIZED else 50):
        client = proxy.tls("api.test:443", record=False)
        client.send_request("GET", "/big")
        crowd.append(client)
    origin.wait_for_requests(len(crowd))
    assert works(proxy)
    after, _ = proxy.memory_kib()
    assert SANITIZED or after - before < len(crowd) * 1024
    for client in crowd:
        client.close()


def storm(address, count, seed):
    """Connections that say something or nothing, and end rudely."""
    chance = random.Random(seed)
    for _ in range(count):
        try:
            sock = connect(address)
        except OSError:
            continue
        try:
            sock.sendall(chance.choice([
                b"", b"\x05\x01\x00", b"\x16\x03\x01", b"GET http://api.test/ HTTP/1.1\r\n",
                b"CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n\x16\x03\x01\x00\x05",
                chance.randbytes(64),
            ]))  # fmt: skip
            if chance.random() < 0.5:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        sock.close()


def run_storm(proxy, threads, count):
    crowd = [
        threading.Thread(target=storm, args=(proxy.address, count, seed)) for seed in range(threads)
    ]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()


def test_a_storm_of_connections_passes(start_busy):
    proxy = start_busy()
    assert works(proxy)
    base = open_fds(proxy)
    run_storm(proxy, 4, CROWD)
    assert works(proxy)
    settle(proxy, base + 2)


def test_a_resolver_that_knows_nothing_is_survived(start_proxy):
    proxy = start_proxy()
    clients = [proxy.open() for _ in range(50)]
    for i, client in enumerate(clients):
        name = f"host-{i}.invalid"
        client.send_request("GET", f"http://{name}/", host=name)
    for client in clients:
        reply = client.read_response()
        assert (reply.status, reply.error) == (502, "dns_failure")


def test_ten_thousand_idle_intercepted_connections(start_busy, many_descriptors, record_property):
    wanted = 500 if SANITIZED else 10_000
    count = min(wanted, many_descriptors - 500)
    proxy = start_busy("--idle-timeout", "10m", "--head-timeout", "5m")
    assert works(proxy)
    before, _ = proxy.memory_kib()
    context = proxy.context()
    crowd = []
    lock = threading.Lock()

    def open_some(share):
        for _ in range(share):
            sock = connect(proxy.address)
            sock.sendall(b"CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n")
            reply = b""
            while not reply.endswith(b"\r\n\r\n"):
                reply += sock.recv(4096)
            inner = context.wrap_socket(sock, server_hostname="api.test")
            with lock:
                crowd.append(inner)

    threads = [threading.Thread(target=open_some, args=(count // 4,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(crowd) == count // 4 * 4
    after, _ = proxy.memory_kib()
    record_property("KiB a connection", (after - before) / len(crowd))
    if not SANITIZED:
        assert (after - before) / len(crowd) < 48
    # The first, the last and one in between still work.
    for inner in (crowd[0], crowd[len(crowd) // 2], crowd[-1]):
        inner.sendall(b"GET / HTTP/1.1\r\nHost: api.test\r\n\r\n")
        assert inner.recv(64).startswith(b"HTTP/1.1 200 ")
    for inner in crowd:
        inner.close()
    settle(proxy, 100)
    assert works(proxy)


def test_a_soak_with_reloads_grows_nothing(start_busy, origin):
    """Requests, storms and reloads for SOAK_SECONDS; memory and descriptors stay where they were."""
    rule = bearer_rule()
    origin.routes["/big"] = lambda turn: turn.reply(200, body=b"x" * 100_000)
    proxy = start_busy(workers=2)

    def one_round(number):
        proxy.reload({"credentials": [{**rule, "name": f"round {number % 2}"}]})
        with proxy.tls("api.test:443", record=False) as client:
            for path in ("/", "/big", "/"):
                assert client.request("POST", path, body=b"y" * 1000).status == 200
        run_storm(proxy, 2, 25)
        origin.forget()
        proxy.forget()

    for number in range(5):
        one_round(number)
    fds, memory = open_fds(proxy), proxy.memory_kib()[0]
    end = time.monotonic() + SOAK_SECONDS
    number = 0
    while time.monotonic() < end:
        one_round(number)
        number += 1
    settle(proxy, fds + 4)
    growth = proxy.memory_kib()[0] - memory
    # Allocators settle within a few MiB, however long it lasts.
    assert SANITIZED or growth < 8 << 10, f"{growth} KiB in {number} rounds"
