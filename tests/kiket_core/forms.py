"""Requests that two readers could understand differently, that ask too much, or come from afar."""

from __future__ import annotations

import re

BODY_BYTES = 20_000
"""What the servers of these tests let a body have."""

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


def get(path: str = "/", *lines: str, host: str | None = "localhost") -> bytes:
    head = [f"GET {path} HTTP/1.1", *([f"Host: {host}"] if host is not None else []), *lines]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n"


def post(*lines: str, body: bytes = b"", path: str = "/") -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: localhost", *lines]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def chunked(body: bytes, path: str = "/") -> bytes:
    return post("Transfer-Encoding: chunked", body=body, path=path)


def statuses(raw: bytes) -> list[int]:
    """List the status codes of the responses in `raw`."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", raw)]


def refused(body_bytes: int = BODY_BYTES) -> dict[str, tuple[bytes, int]]:
    """Return forms to be refused where bodies have *body_bytes* at most, and each one's status."""
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    return {
        "length and chunked": (
            post("Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
            400,
        ),
        "chunked and length": (
            post("Transfer-Encoding: chunked", "Content-Length: 5", body=b"0\r\n\r\n"),
            400,
        ),
        "two equal lengths": (post("Content-Length: 2", "Content-Length: 2", body=b"ab"), 400),
        "two different lengths": (post("Content-Length: 2", "Content-Length: 3", body=b"abc"), 400),
        "list of lengths": (post("Content-Length: 5, 5", body=b"abcde"), 400),
        "signed length": (post("Content-Length: +5", body=b"abcde"), 400),
        "negative length": (post("Content-Length: -5", body=b"abcde"), 400),
        "hexadecimal length": (post("Content-Length: 0x5", body=b"abcde"), 400),
        "empty length": (post("Content-Length:", body=b""), 400),
        "unknown coding": (post("Transfer-Encoding: xchunked", body=b"0\r\n\r\n"), 400),
        "chunked, identity": (post("Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"), 400),
        "gzip, chunked": (post("Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 400),
        "two codings": (
            post("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
            400,
        ),
        "chunked in HTTP/1.0": (
            b"POST / HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
        ),
        "space before colon": (post("Transfer-Encoding : chunked", body=b"0\r\n\r\n"), 400),
        "folded header": (get("/", "X-A: b", " folded"), 400),
        "bare line feeds": (b"GET / HTTP/1.1\nHost: localhost\n\n", 400),
        "bare carriage return": (get("/", "X-A: b\rX-B: c"), 400),
        "NUL in a value": (get("/", "X-A: b\0c"), 400),
        "NUL in a name": (get("/", "X-\0A: b"), 400),
        "bad chunk end": (chunked(b"3\r\nabcXX0\r\n\r\n"), 400),
        "bad chunk size": (chunked(b"zz\r\nabc\r\n0\r\n\r\n"), 400),
        "overflowing chunk size": (chunked(b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n"), 400),
        "no host": (get(host=None), 400),
        "two hosts": (get("/", "Host: localhost"), 400),
        "empty host": (get(host=""), 400),
        "host that is no name": (get(host="user@localhost"), 400),
        "foreign host": (get(host="evil.example"), 421),
        "host that ends like ours": (get(host="127.0.0.1.evil.example"), 421),
        "foreign absolute target": (get("http://evil.example/"), 400),
        "own absolute target": (get("http://localhost/"), 400),
        "asterisk target": (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        "tunnel": (b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        "fragment in the target": (get("/a#b"), 400),
        "raw bytes in the target": (get("/\xff"), 400),
        "two signatures": (get("/", "X-Kiket-Signature: a", "X-Kiket-Signature: b"), 400),
        "two versions": (
            get("/", "X-Kiket-Event-Version: v1", "X-Kiket-Event-Version: v2"),
            400,
        ),
        "two deliveries": (get("/", "X-Kiket-Delivery: a", "x-kiket-delivery: b"), 400),
        "two webhook ids": (get("/", "webhook-id: a", "Webhook-Id: a"), 400),
        "two authorizations": (get("/", "Authorization: a", "Authorization: b"), 400),
        "underscore in a name": (get("/", "X_Kiket_Signature: a"), 400),
        "10,000 headers": (get("/", *["X-A: b"] * 10_000), 431),
        "101 headers": (get("/", *["X-A: b"] * 100), 431),
        "1 MB header": (get("/", f"X-A: {'b' * 1_000_000}"), 431),
        "1 MB header name": (get("/", f"X-{'a' * 1_000_000}: b"), 431),
        "many large headers": (get("/", *[f"X-A: {'b' * 1000}"] * 40), 431),
        "100 KB target": (get(f"/{'a' * 100_000}"), 414),
        "HTTP/0.9": (b"GET / HTTP/0.9\r\nHost: localhost\r\n\r\n", 505),
        "HTTP/0.9 without a version": (b"GET /\r\n\r\n", 505),
        "HTTP/2.0": (b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
        "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        "HTTP/1.2": (b"GET / HTTP/1.2\r\nHost: localhost\r\n\r\n", 400),
        "declared body over the limit": (post("Content-Length: 6000000"), 413),
        "absurd length": (post(f"Content-Length: {'9' * 18}"), 413),
        "overflowing length": (post(f"Content-Length: {'9' * 40}"), 400),
        "chunks over the limit": (
            chunked(chunk * (body_bytes // 4096 + 2) + b"0\r\n\r\n"),
            413,
        ),
        "web socket": (
            get("/", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: eA=="),
            400,
        ),
        "HTTP/2 upgrade": (get("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"), 400),
        "page of another site": (get("/", "Origin: https://evil.example"), 403),
        "page of another local port": (get("/", "Origin: http://localhost:3000"), 403),
        "page of nowhere": (get("/", "Origin: null"), 403),
        "browser says cross-site": (get("/", "Sec-Fetch-Site: cross-site"), 403),
        "browser says same-site": (get("/", "Sec-Fetch-Site: same-site"), 403),
        "two origins": (get("/", "Origin: http://localhost", "Origin: http://evil.example"), 400),
        "garbage": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    }


def served(body_bytes: int = BODY_BYTES) -> dict[str, bytes]:
    """Return odd forms to be served where bodies have *body_bytes* at most."""
    return {
        "plain": get(),
        "HTTP/1.0": b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n",
        "with port": get(host="localhost:4400"),
        "upper case": get(host="LOCALHOST"),
        "IPv4": get(host="127.0.0.1"),
        "IPv6": get(host="[::1]:80"),
        "query": get("/?a=b&c=%00"),
        "body of just the limit": post(f"Content-Length: {body_bytes}", body=b"x" * body_bytes),
        "chunks": chunked(b"3\r\nabc\r\n3;ext=1\r\nabc\r\n0\r\n\r\n"),
        "chunks of one byte": chunked(b"1\r\nx\r\n" * BODY_BYTES + b"0\r\n\r\n"),
        "100 headers": get("/", *["X-A: b"] * 99),
        "own origin": get("/", "Origin: http://localhost:4400", host="localhost:4400"),
        "own origin, default port": get("/", "Origin: http://localhost", host="localhost:80"),
        "own origin through a tunnel": get("/", "Origin: https://localhost"),
        "browser says same-origin": get("/", "Sec-Fetch-Site: same-origin"),
        "browser says typed": get("/", "Sec-Fetch-Site: none"),
        "asks for upgraded links": get("/", "Upgrade-Insecure-Requests: 1"),
        "repeated harmless header": get("/", "Accept: a", "Accept: b"),
    }
