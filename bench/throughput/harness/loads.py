"""The loads, and what each measures."""

from dataclasses import dataclass

from harness.variants import SCRUBBING, VARIANTS

MIB = 1024 * 1024
BULK_MIB = 100
SCRUBBED_BYTES = 64 * 1024
IDLE_CONNECTIONS = 1000


@dataclass(frozen=True)
class Load:
    """One kind of work. `client` are flags of throughput_load; `needs` are keys that a peer's descriptor
    must have; `quantity` is what is compared (see `value`)."""

    name: str
    title: str
    unit: str
    client: dict
    quantity: str = "cpu"
    needs: tuple = ()
    tunnel: bool = False
    http2_origin: bool = False
    mib: int = 0
    # Also run without a proxy, for what the proxy adds.
    baseline: bool = False
    # Variants of sallyport that take part.
    variants: tuple = ()

    def value(self, result):
        """The figure of one measurement, in `unit`; lower is better for all of them."""
        if self.quantity == "latency":
            return result["latency_us"]["p50"]
        if self.quantity == "memory":
            grown = result["resident_kib"] - result["resident_kib_before"]
            return grown / result["opened"]
        cpu = result["cpu_seconds"] / result["done"]
        return cpu / self.mib * 1e3 if self.mib else cpu * 1e6


def _keep_alive(connections, **more):
    return {"workload": "keep-alive", "connections": connections, **more}


_BULK_DOWN = _keep_alive(1, path=f"/bytes/{BULK_MIB * MIB}", **{"reply-length": BULK_MIB * MIB})
_BULK_UP = _keep_alive(1, path="/sink", upload=BULK_MIB * MIB, **{"reply-length": 0})
_HTTP2 = {"workload": "http2", "connections": 100}
_REQUEST = "µs CPU a request"
_CONNECTION = "µs CPU a connection"
_VOLUME = "ms CPU a MiB"

LOADS = [
    Load("keep-alive-1", "keep-alive, 1 KiB, 1 connection", _REQUEST, _keep_alive(1)),
    Load("keep-alive-32", "keep-alive, 1 KiB, 32 connections", _REQUEST, _keep_alive(32)),
    Load("keep-alive-256", "keep-alive, 1 KiB, 256 connections", _REQUEST, _keep_alive(256)),
    Load("new-connection", "new connection, full handshake", _CONNECTION,
         {"workload": "new-connection", "connections": 8}),
    Load("resumed", "new connection, resumed", _CONNECTION,
         {"workload": "resumed", "connections": 8}),
    Load("handshake-cached", "handshake alone, one host", _CONNECTION,
         {"workload": "handshake", "connections": 8}, needs=("mints",)),
    Load("handshake-minted", "handshake alone, a new host each", _CONNECTION,
         {"workload": "handshake", "connections": 8, "numbered-hosts": True}, needs=("mints",)),
    Load("bulk-down", f"{BULK_MIB} MiB down", _VOLUME, _BULK_DOWN, mib=BULK_MIB),
    Load("bulk-up", f"{BULK_MIB} MiB up", _VOLUME, _BULK_UP, mib=BULK_MIB),
    Load("tunnel", f"plain tunnel, {BULK_MIB} MiB down", _VOLUME, _BULK_DOWN, mib=BULK_MIB,
         needs=("tunnels",), tunnel=True),
    Load("latency", "p50 latency at 200 requests a second", "µs",
         {"workload": "paced", "connections": 8, "per-second": 200}, quantity="latency",
         baseline=True),
    Load("http2", "HTTP/2, 100 streams, 1 KiB, HTTP/1.1 origin", _REQUEST, _HTTP2, needs=("http2",)),
    Load("http2-origin", "HTTP/2, 100 streams, 1 KiB, HTTP/2 origin", _REQUEST, _HTTP2,
         needs=("http2", "http2_origin"), http2_origin=True),
    # By themselves, for what is compared to be measured within seconds of each other.
    Load("set-ups", "keep-alive, 1 KiB, 32 connections", _REQUEST, _keep_alive(32),
         needs=("set_ups",), variants=tuple(VARIANTS)),
    Load("scrubbing", "keep-alive, 64 KiB, 8 connections", _REQUEST,
         _keep_alive(8, path=f"/bytes/{SCRUBBED_BYTES}", **{"reply-length": SCRUBBED_BYTES}),
         needs=("set_ups",), variants=tuple(SCRUBBING)),
    Load("idle", "idle intercepted connection", "KiB",
         {"workload": "idle", "connections": IDLE_CONNECTIONS}, quantity="memory"),
    Load("idle-tunnel", "idle tunnel", "KiB",
         {"workload": "idle", "connections": IDLE_CONNECTIONS}, quantity="memory",
         needs=("tunnels",), tunnel=True),
]

# For a test of the harness itself.
QUICK = {"keep-alive-1", "new-connection", "latency"}
