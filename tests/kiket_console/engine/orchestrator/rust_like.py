"""A module that behaves as one built with the Rust SDK does, quirks and all.

    python -I -S rust_like.py [--family macro] [--secrets A,B] [--subscribe]

What it imitates is in the pywatt wire specification §0, §1 and §3: readers that race for stdin,
each with a buffer of its own; an http response without `op`; a TCP socket that cannot send while it
waits to receive; death after the announcement without a TCP channel; a process that lingers after
`shutdown` until its stdin closes. It is written from that text with the standard library alone.

Its routes: `/hello`, `/secret/NAME` (the cached value), `/fetch/NAME` (asks again, always),
`/ask/MODULE` (sends it a message and answers with its reply), `/operate` (a service request and an
operation), and POST `/echo`.
"""

from __future__ import annotations

import argparse
import base64
import collections
import http.server
import json
import os
import random
import socket
import struct
import sys
import threading
import time
import uuid
from typing import Any

HEADER = struct.Struct(">IB")
WAIT_S = 30.0


class DiesError(Exception):
    """What ends a real module with an error from `main`."""


def log(level: str, message: str) -> None:
    """Write a line as the Rust SDK's logger does."""
    line = {
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "level": level,
        "fields": {"message": message},
        "target": "rust_like",
    }
    os.write(2, json.dumps(line).encode() + b"\n")


_writing = threading.Lock()


def say(message: dict[str, Any]) -> None:
    """Write one line to stdout, whole."""
    with _writing:
        os.write(1, json.dumps(message, separators=(",", ":")).encode() + b"\n")


class FairLock:
    """A lock that is given in the order in which it was asked for, as tokio's is."""

    def __init__(self) -> None:
        self._waiting: collections.deque[threading.Event] = collections.deque()
        self._guard = threading.Lock()

    def __enter__(self) -> None:
        turn = threading.Event()
        with self._guard:
            self._waiting.append(turn)
            if self._waiting[0] is turn:
                turn.set()
        turn.wait()

    def __exit__(self, *_: object) -> None:
        with self._guard:
            self._waiting.popleft()
            if self._waiting:
                self._waiting[0].set()


_stdin = FairLock()


class Reader:
    """One buffered reader of stdin; what it holds, the others never see."""

    def __init__(self) -> None:
        self._held = b""

    def line(self) -> bytes | None:
        """Return the next line without its end, None when stdin is closed."""
        while b"\n" not in self._held:
            with _stdin:
                raw = os.read(0, 8192)
            if not raw:
                return None
            self._held += raw
        line, _, self._held = self._held.partition(b"\n")
        return line

    def message(self) -> dict[str, Any] | None:
        """Return the next line that is a message, None when stdin is closed."""
        while (line := self.line()) is not None:
            try:
                message = json.loads(line)
            except ValueError:
                log("ERROR", "Failed to parse a line")
                continue
            if isinstance(message, dict) and isinstance(message.get("op"), str):
                log("INFO", f"Received: {line.decode()}")  # as it does, secrets and all
                return message
            log("ERROR", "unknown op")
        return None


class SecretClient:
    """Caches secrets; its background reader takes lines that are meant for others."""

    def __init__(self, *, subscribes: bool) -> None:
        self.cache: dict[str, str] = {}
        self._reader = Reader()
        self._subscribes = subscribes
        self.background = threading.Thread(target=self._read)
        self.background.start()

    def get(self, name: str) -> str:
        """Ask for a secret and take whatever line comes next for the answer."""
        say({"op": "get_secret", "name": name})
        message = Reader().message()
        if message is None:
            raise DiesError("secret client error: stdin closed")
        if message["op"] != "secret":
            raise DiesError(f"secret client error: Expected Secret response, got {message['op']}")
        if message["name"] != name:
            raise DiesError(
                f"secret client error: Requested key '{name}' but got '{message['name']}'"
            )
        self.cache[name] = message["value"]
        return self.cache[name]

    def take(self, message: dict[str, Any], reader: Reader) -> None:
        """Do what the client does with a line, whichever reader got it."""
        if message["op"] == "secret":
            self.cache[message["name"]] = message["value"]
        elif message["op"] == "rotated":
            for key in message["keys"]:
                self.cache.pop(key, None)
            say({"op": "rotation_ack", "rotation_id": message["rotation_id"], "status": "success"})
            reader.message()  # and throws it away
            if self._subscribes:
                threading.Thread(target=self._fetch, args=(message["keys"],)).start()

    def _fetch(self, keys: list[str]) -> None:
        for key in keys:
            try:
                self.get(key)
            except DiesError as error:  # swallowed, as subscribers' fetch errors are
                log("WARN", str(error))

    def _read(self) -> None:
        while (message := self._reader.message()) is not None:
            self.take(message, self._reader)
            time.sleep(random.random() / 500)  # noqa: S311  # the other readers may be quicker


class Framed:
    """A TCP or UDS channel; one lock around the stream, held during `receive`."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._lock = FairLock()

    def send(self, content: dict[str, Any]) -> None:
        """Send one wrapped message; waits for the next inbound frame when one is awaited."""
        raw = json.dumps(
            {"id": str(uuid.uuid4()), "content": content, "metadata": {}}, separators=(",", ":")
        ).encode()
        with self._lock:
            self._stream.sendall(HEADER.pack(len(raw), 1) + raw)

    def receive(self) -> dict[str, Any] | None:
        """Return the next message, empty for one that is skipped, None at the end."""
        with self._lock:
            header = self._exactly(HEADER.size)
            if header is None:
                return None
            length, code = HEADER.unpack(header)
            raw = self._exactly(length)
        if raw is None or code not in (1, 2, 3):
            return None
        try:
            message = json.loads(base64.b64decode(raw) if code == 3 else raw)
        except ValueError:
            return {}
        if isinstance(message, dict) and "op" in message:
            return message
        log("ERROR", "missing field `op`")
        return {}

    def _exactly(self, size: int) -> bytes | None:
        raw = b""
        while len(raw) < size:
            try:
                part = self._stream.recv(size - len(raw))
            except OSError:
                return None
            if not part:
                return None
            raw += part
        return raw


class Module:
    """What the loops and the routes share."""

    def __init__(self, init: dict[str, Any], secrets: SecretClient) -> None:
        self.init = init
        self.secrets = secrets
        self.tcp: Framed | None = None
        self.uds: Framed | None = None
        self.over = threading.Event()
        self._answers: dict[str, tuple[threading.Event, list[dict[str, Any]]]] = {}

    def await_answer(self, key: str, ask: Any) -> dict[str, Any] | None:
        """Call *ask*, wait for what is filed under *key*."""
        came, answers = self._answers[key] = threading.Event(), []
        ask()
        return answers[0] if came.wait(WAIT_S) else None

    def file(self, key: str, message: dict[str, Any]) -> None:
        """Hand an answer to whoever waits for it; nobody: a warning."""
        waiting = self._answers.pop(key, None)
        if waiting is None:
            log("WARN", f"No pending request for {key}")
        else:
            waiting[1].append(message)
            waiting[0].set()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """Be the developer's router."""
        name = path.partition("?")[0].rpartition("/")[2]
        if path == "/hello":
            return 200, b'{"hello":"world"}'
        if path.startswith("/secret/"):
            return 200, self.secrets.cache.get(name, "(none)").encode()
        if path.startswith("/fetch/"):
            return 200, self.secrets.get(name).encode()
        if path == "/echo" and method == "POST":
            return 201, body
        if path.startswith("/ask/"):
            return self._ask(name)
        if path == "/operate":
            return self._operate()
        return 404, b"not found"

    def _ask(self, target: str) -> tuple[int, bytes]:
        tcp, request_id = self.tcp, str(uuid.uuid4())
        if tcp is None:
            return 503, b"NetworkError"
        wrapped = {"id": str(uuid.uuid4()), "content": {"ping": 1}, "metadata": {}}
        request = {
            "op": "route_to_module",
            "target_module_id": target,
            "target_endpoint": "greet",
            "request_id": request_id,
            "payload": {"data": list(json.dumps(wrapped).encode()), "format": "Json"},
        }
        reply = self.await_answer(request_id, lambda: tcp.send(request))
        if reply is None:
            return 504, b"Timeout"
        return 200, bytes(reply["payload"]["data"])

    def _operate(self) -> tuple[int, bytes]:
        request_id = f"db_request_{uuid.uuid4()}"
        request = {"op": "service_request", "id": request_id, "service_type": "Database"}
        reply = self.await_answer(request_id, lambda: say({**request, "config": {"database": "d"}}))
        if reply is None or not reply["success"]:
            return 502, str(reply and reply["error"]).encode()
        operation = {
            "connection_id": reply["connection_id"],
            "service_type": "Database",
            "operation": "ping",
            "params": {},
        }
        result = self.await_answer(
            operation["connection_id"], lambda: say({"op": "service_operation", **operation})
        )
        return 200, json.dumps(result).encode()

    def read_stdin(self) -> None:
        """Be the stdio loop, the third reader."""
        reader = Reader()
        while (message := reader.message()) is not None and message["op"] != "shutdown":
            match message["op"]:
                case "http_request":
                    self._answer_stdio(message)
                case "service_response":
                    self.file(message["id"], message)
                case "service_operation_result" if "params" in message:
                    self.file(message["params"]["connection_id"], message)
                case _:
                    self.secrets.take(message, reader)
        self.over.set()

    def _answer_stdio(self, message: dict[str, Any]) -> None:
        status, body = self.answer(
            message["method"], message["uri"], bytes(message.get("body") or [])
        )
        say(
            {
                "content": {
                    "request_id": message["request_id"],
                    "status_code": status,
                    "headers": {"content-type": "text/plain"},
                    "body": list(body),
                },
                "metadata": {
                    "id": str(uuid.uuid4()),
                    "source": os.environ.get("PYWATT_MODULE_ID", "unknown_module"),
                    "properties": {"correlation_id": message["request_id"]},
                },
            }
        )

    def read_frames(self, channel: Framed) -> None:
        """Be the loop of one framed channel."""
        while (message := channel.receive()) is not None and message.get("op") != "shutdown":
            match message.get("op"):
                case "heartbeat":
                    channel.send({"op": "heartbeat_ack"})
                case "routed_module_response":
                    self.file(message["request_id"], message)
                case "routed_module_message":
                    log("INFO", f"routed from {message['source_module_id']}")
                case "http_request":
                    canned = {
                        "op": "http_response",
                        "request_id": message["request_id"],
                        "status_code": 200,
                        "headers": {},
                        "body": list(b'{"status":"healthy","module_id":"'),
                    }
                    channel.send(canned)
        self.over.set()


def connect_tcp(init: dict[str, Any]) -> Framed | None:
    """Connect the TCP channel of the init line; sends nothing."""
    wanted = init.get("tcp_channel")
    if wanted is None:
        return None
    host, _, port = wanted["address"].rpartition(":")
    try:
        stream = socket.create_connection((host, int(port)), WAIT_S)
    except OSError as error:
        if wanted["required"]:
            raise DiesError(f"required channel failed to initialize: TCP - {error}") from error
        log("WARN", f"TCP channel failed: {error}")
        return None
    stream.settimeout(None)
    return Framed(stream)


def connect_uds(init: dict[str, Any]) -> Framed | None:
    """Connect the socket of the init line, for ever if need be."""
    wanted = init.get("ipc_channel")
    if wanted is None:
        return None
    while True:
        stream = socket.socket(socket.AF_UNIX)
        try:
            stream.connect(wanted["socket_path"])
        except OSError:
            stream.close()
            time.sleep(0.1)
        else:
            return Framed(stream)


def serve_http(module: Module) -> http.server.ThreadingHTTPServer:
    """Serve the routes at the port of `init.listen`, whatever its host."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            try:
                status, body = module.answer(self.command, self.path, self.rfile.read(size))
            except DiesError as error:
                status, body = 500, str(error).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 (as http.server looks for it)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    port = int(module.init["listen"].rpartition(":")[2])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def announce(init: dict[str, Any]) -> None:
    """Announce before binding, and echo `init.listen`."""
    endpoints = [
        {"path": "/hello", "methods": ["GET"]},
        {"path": "/secret/:name", "methods": ["GET"]},
        {"path": "/fetch/:name", "methods": ["GET"]},
        {"path": "/ask/:module", "methods": ["GET"]},
        {"path": "/operate", "methods": ["GET"]},
        {"path": "/echo", "methods": ["POST"], "auth": "jwt"},
    ]
    say({"op": "announce", "listen": init["listen"], "endpoints": endpoints})


def checked_init(raw: bytes | None) -> dict[str, Any]:
    """Refuse what the Rust type refuses."""
    if raw is None:
        raise DiesError("handshake failed: stdin closed unexpectedly during handshake")
    try:
        init = json.loads(raw)
    except ValueError as error:
        raise DiesError(f"handshake failed: {error}") from error
    for field, kind in {
        "orchestrator_api": str,
        "module_id": str,
        "env": dict,
        "listen": str,
    }.items():
        if not isinstance(init.get(field), kind):
            raise DiesError(f"handshake failed: missing field `{field}`")
    for channel, fields in {
        "tcp_channel": ("address", "tls_enabled", "required"),
        "ipc_channel": ("socket_path", "required"),
    }.items():
        if init.get(channel) is not None and not {*fields} <= {*init[channel]}:
            raise DiesError(f"handshake failed: missing field in `{channel}`")
    if init.get("security_level", "None") not in ("None", "Token", "Mtls"):
        raise DiesError("handshake failed: unknown variant of `security_level`")
    return dict(init)


def main() -> int:
    """Live one life of a module; return its exit status."""
    options = argparse.ArgumentParser()
    options.add_argument("--family", choices=("bootstrap", "macro"), default="bootstrap")
    options.add_argument("--secrets", default="")
    options.add_argument("--subscribe", action="store_true")
    chosen = options.parse_args()
    log("INFO", "starting")
    try:
        init = checked_init(Reader().line())
        secrets = SecretClient(subscribes=chosen.subscribe)
        for name in filter(None, chosen.secrets.split(",")):
            secrets.get(name)
        module = Module(init, secrets)
        if chosen.family == "macro":
            announce(init)
            serve_http(module)
            threading.Event().wait()  # neither shutdown nor the end of stdin ends it
        module.tcp = connect_tcp(init)
        module.uds = connect_uds(init)
        announce(init)
        if module.tcp is None:
            raise DiesError("other error: Failed to serialize Identify message")
        loops = [threading.Thread(target=module.read_stdin)]
        loops += [
            threading.Thread(target=module.read_frames, args=(channel,), daemon=True)
            for channel in (module.tcp, module.uds)
            if channel is not None
        ]
        for loop in loops:
            loop.start()
        server = serve_http(module)
        module.over.wait()
        server.shutdown()
        server.server_close()  # it goes with the call that serves; the readers of stdin do not
    except DiesError as error:
        log("ERROR", str(error))
        sys.stderr.flush()
        os._exit(1)
    log("INFO", "serve_module_full returned")
    return 0  # the readers of stdin still hold the process


if __name__ == "__main__":
    sys.exit(main())
