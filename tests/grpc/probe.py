"""The probe in Python: a gRPC server or client, as it is told. test_grpc.py says what it is told.

probe.py GENERATED serve CHAIN KEY [pings]
probe.py GENERATED call TARGET METHOD [NAME=NUMBER]…
"""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc

sys.path.insert(0, sys.argv[1])
import probe_pb2 as pb  # noqa: E402
import probe_pb2_grpc as stubs  # noqa: E402

CODES = {code.value[0]: code for code in grpc.StatusCode}
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
KEEPALIVE = [
    ("grpc.keepalive_time_ms", 100),
    ("grpc.keepalive_timeout_ms", 1000),
    ("grpc.http2.min_time_between_pings_ms", 100),
    ("grpc.http2.max_pings_without_data", 0),
]


def tell(**fields):
    print(json.dumps(fields, ensure_ascii=False), flush=True)


def pattern(size):
    return (bytes(range(251)) * (size // 251 + 1))[:size]


# Server ------------------------------------------------------------------------------------------


class Server(stubs.ProbeServicer):
    def Unary(self, request, context):
        with call("Unary", context) as over:
            end_if_asked(request, context, over)
            return pb.Reply(payload=request.payload, received=len(request.payload))

    def Upload(self, requests, context):
        with call("Upload", context) as over:
            received = 0
            for request in requests:
                received += len(request.payload)
                end_if_asked(request, context, over)
            return pb.Reply(received=received)

    def Download(self, request, context):
        with call("Download", context) as over:
            payload = pattern(request.size)
            for _ in range(request.replies):
                yield pb.Reply(payload=payload)
            end_if_asked(request, context, over)

    def Chat(self, requests, context):
        with call("Chat", context) as over:
            received = 0
            for request in requests:
                received += len(request.payload)
                if not request.code:
                    yield pb.Reply(payload=request.payload, received=received)
                end_if_asked(request, context, over)


class call:
    """Tells of a call's beginning and of its end; gives the event of its cancellation."""

    def __init__(self, method, context):
        self.method = method
        self.context = context
        self.over = threading.Event()
        context.add_callback(self.over.set)
        fields = dict(context.invocation_metadata())
        tell(
            call=method,
            authorization=fields.get("authorization", ""),
            # Without one it is as far away as can be.
            deadline=context.time_remaining() < 3600,
        )
        context.set_trailing_metadata((("x-end-bin", b"\0\1\xff"),))

    def __enter__(self):
        return self.over

    def __exit__(self, *_):
        tell(end=self.method, cancelled=self.over.is_set())


def end_if_asked(request, context, over):
    if request.hold:
        over.wait()
        # For nobody, unless the deadline passed here first.
        context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "held")
    if request.code:
        context.abort(CODES[request.code], "asked for: 100 % ü")


def serve(chain, key, *pings):
    credentials = grpc.ssl_server_credentials(
        [(open(key, "rb").read(), open(chain, "rb").read())]
    )
    options = [*UNLIMITED, *(KEEPALIVE if pings else [])]
    server = grpc.server(ThreadPoolExecutor(128), options=options)
    stubs.add_ProbeServicer_to_server(Server(), server)
    tell(port=server.add_secure_port("127.0.0.1:0", credentials))
    server.start()
    sys.stdin.read()
    server.stop(0).wait()


# Client ------------------------------------------------------------------------------------------


def requests_of(options):
    for i in range(options["count"]):
        last = i + 1 == options["count"]
        yield pb.Request(
            payload=pattern(options["size"]),
            replies=options["replies"],
            size=options["size"],
            code=options["code"] if last else 0,
            hold=bool(options["hold"]) and last,
        )


def start(stub, method, options, requests):
    timeout = options["timeout_ms"] / 1000 or None
    function = getattr(stub, method)
    if method == "Unary":
        return function.future(next(requests), timeout=timeout)
    if method == "Upload":
        return function.future(requests, timeout=timeout)
    return function(next(requests) if method == "Download" else requests, timeout=timeout)


def run(stub, method, options):
    replies, received, intact = 0, 0, True
    answered = threading.Semaphore(0)

    def paced():
        # Each request of a chat goes out when the one before it has been answered.
        for i, request in enumerate(requests_of(options)):
            if i and method == "Chat":
                answered.acquire()
            yield request
        if options["open"]:
            over.wait()

    over = threading.Event()
    call = start(stub, method, options, paced())
    try:
        for reply in [call.result()] if method in ("Unary", "Upload") else call:
            replies += 1
            received = reply.received
            if method != "Upload":
                intact = intact and reply.payload == pattern(options["size"])
            if replies == options["cancel_after"]:
                call.cancel()
            answered.release()
    except (grpc.RpcError, grpc.FutureCancelledError):
        pass
    over.set()
    answered.release(options["count"])
    end = dict(call.trailing_metadata() or ()).get("x-end-bin", b"")
    tell(
        code=call.code().value[0], message=call.details() or "", replies=replies,
        received=received, intact=intact, end=end.hex(),
    )  # fmt: skip


def call_server(target, method, *arguments):
    options = dict.fromkeys(
        ["size", "replies", "code", "hold", "open", "timeout_ms", "cancel_after", "pings"], 0
    )  # fmt: skip
    options.update(count=1, calls=1)
    options.update((name, int(value)) for name, value in (a.split("=") for a in arguments))
    settings = [*UNLIMITED, *(KEEPALIVE if options["pings"] else [])]
    with grpc.secure_channel(target, grpc.ssl_channel_credentials(), settings) as channel:
        stub = stubs.ProbeStub(channel)
        with ThreadPoolExecutor(options["calls"]) as pool:
            done = [pool.submit(run, stub, method, options) for _ in range(options["calls"])]
            for future in done:
                future.result()


{"serve": serve, "call": call_server}[sys.argv[2]](*sys.argv[3:])
