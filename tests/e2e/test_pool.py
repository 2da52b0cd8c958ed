"""Connections to upstreams that are shared, and those that must not be."""

import threading

import pytest

from harness.deadline import eventually
from harness.fixtures import bearer_rule


@pytest.fixture
def start_capped(start_proxy, origin, secret):
    """A proxy that opens at most `limit` connections to the origin."""

    def start(limit, *args):
        return start_proxy(
            {"credentials": [bearer_rule()]},
            {"api.test:443": origin},
            env={"API_KEY": secret},
            args=["--max-origin-connections", limit, *args],
        )

    return start


def test_requests_beyond_the_cap_wait_their_turn(start_capped, origin):
    told = threading.Event()
    origin.routes["/held"] = lambda turn: (turn.wait(told, "go on"), turn.reply(200, body=b"held"))
    proxy = start_capped(2)
    clients = [proxy.tls("api.test:443") for _ in range(6)]
    for client in clients:
        client.send_request("GET", "/held")
    origin.wait_for_requests(2)
    assert len(origin.connections) == 2
    told.set()
    for client in clients:
        assert client.read_response().body == b"held"
    assert len(origin.connections) == 2
    assert len(origin.requests) == 6


def test_a_waiting_request_that_is_given_up_is_never_sent(start_capped, origin):
    told = threading.Event()
    origin.routes["/held"] = lambda turn: (turn.wait(told, "go on"), turn.reply())
    proxy = start_capped(1)
    holder, quitter, third = (proxy.tls("api.test:443") for _ in range(3))
    holder.send_request("GET", "/held")
    origin.wait_for_requests(1)
    quitter.send_request("GET", "/quitter")
    quitter.close()
    proxy.wait_for_audit(lambda r: r["path"] == "/quitter", "the request that was given up")
    third.send_request("GET", "/third")
    told.set()
    assert third.read_response().status == 200
    assert [r.path for r in origin.requests] == ["/held", "/third"]


def test_a_connection_that_breaks_makes_room(start_capped, origin):
    origin.routes["/reset"] = lambda turn: turn.reset()
    proxy = start_capped(1)
    clients = [proxy.tls("api.test:443") for _ in range(3)]
    for client in clients:
        client.send_request("POST", "/reset", body=b"x")
    for client in clients:
        assert client.read_response().error == "upstream_protocol"


def test_waiting_too_long_is_a_504(start_capped, origin):
    told = threading.Event()

    def stream(turn):
        # A reply that has begun is under no time limit.
        turn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        turn.wait(told, "go on")
        turn.send(b"0\r\n\r\n")

    origin.routes["/held"] = stream
    proxy = start_capped(1, "--stall-timeout", "300ms")
    holder, waiting = (proxy.tls("api.test:443") for _ in range(2))
    holder.send_request("GET", "/held")
    assert holder.read_head().status == 200
    waiting.send_request("GET", "/")
    assert waiting.read_response().error == "upstream_timeout"
    told.set()


# Connections that are somebody's ----------------------------------------------------------------


def authenticate(turn):
    """The server's side of a three-legged handshake that lasts as long as the connection."""
    connection = turn.request.connection
    offered = turn.request.fields.get("authorization", "")
    user = getattr(connection, "user", None)
    if offered.startswith("NTLM user="):
        connection.user = user = offered.removeprefix("NTLM user=")
    if user is not None:
        turn.reply(200, body=user.encode())
    elif offered == "NTLM hello":
        turn.reply(401, [("WWW-Authenticate", "NTLM challenge")])
    else:
        turn.reply(401, [("WWW-Authenticate", "Basic realm=x, NTLM")])


@pytest.fixture
def shared_proxy(start_proxy, origin):
    """A proxy that intercepts everything and injects nothing."""
    origin.fallback = authenticate
    return start_proxy({"network": {"intercept": "all"}}, {"api.test:443": origin})


def log_in(client, user):
    assert client.get("/").status == 401
    assert client.get("/", [("Authorization", "NTLM hello")]).status == 401
    reply = client.get("/", [("Authorization", f"NTLM user={user}")])
    assert (reply.status, reply.text) == (200, user)


def test_an_authenticated_connection_serves_its_client_alone(shared_proxy):
    with shared_proxy.tls("api.test:443") as alice, shared_proxy.tls("api.test:443") as bob:
        log_in(alice, "alice")
        assert bob.get("/").status == 401
        log_in(bob, "bob")
        for _ in range(3):
            assert alice.get("/").text == "alice"
            assert bob.get("/").text == "bob"


def test_it_ends_with_its_client(shared_proxy, origin):
    with shared_proxy.tls("api.test:443") as alice:
        log_in(alice, "alice")
    first = origin.requests[0].connection
    eventually(first.closed.is_set, "the end of the authenticated connection")
    with shared_proxy.tls("api.test:443") as other:
        assert other.get("/").status == 401


@pytest.mark.parametrize("scheme", ["NTLM", "ntlm", "Negotiate"])
def test_unasked_credentials_bind_the_connection_too(shared_proxy, origin, scheme):
    origin.fallback = lambda turn: turn.reply(200, body=str(turn.request.connection.number))
    with shared_proxy.tls("api.test:443") as client:
        used = client.get("/", [("Authorization", f"{scheme} token")]).text
        assert client.get("/").text == used
        with shared_proxy.tls("api.test:443") as other:
            assert other.get("/").text != used


def test_other_schemes_leave_connections_shared(shared_proxy, origin):
    origin.fallback = lambda turn: turn.reply(
        401, [("WWW-Authenticate", 'Bearer realm="NTLM"')], str(turn.request.connection.number)
    )
    with shared_proxy.tls("api.test:443") as client, shared_proxy.tls("api.test:443") as other:
        used = client.get("/", [("Authorization", "Basic Zm9vOmJhcg==")]).text
        assert other.get("/").text == used
