"""A recorded request as a command for a shell: curl, or HTTPie.

A delivery whose signature was good is signed anew when the command runs, in the same dialect, with
the secret in `$KIKET_WEBHOOK_SECRET`: so it returns the same status next week. Any other request
goes out as it came, old signature included, so that it is refused again for the same reason.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from msgspec import Struct

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.exporting import aws
from kiket_console.exporting.shell import behind, header_word, is_text, printing, quoted
from kiket_console.model import Source
from kiket_console.text import visible
from kiket_core.secret import is_credential

if TYPE_CHECKING:
    from kiket_console.model import Detail, Headers

SECRET: Final = "KIKET_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
EXPECT_FROM: Final = 1_000_000
"""From so many bytes on curl would ask first whether to send them."""
_NOT_SENT: Final = frozenset(
    {
        "accept-encoding", "connection", "content-length", "expect", "forwarded", "host",
        "keep-alive", "proxy-connection", "te", "trailer", "traceparent", "transfer-encoding",
        "upgrade", "x-kiket-console-hop",
    }
)  # fmt: skip
"""What a client says for itself, or what belonged to one connection."""
_SIGNATURES: Final = frozenset(
    {"x-kiket-signature", "x-kiket-timestamp", "webhook-signature", "webhook-timestamp"}
)
_URL_SIGNS: Final = "!#$%&'()*+,/:;=?@[]~|^{}<>`\"\\"
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

_HEX: Final = (
    'python3 -c \'import hmac, os, sys; key = os.environ["KIKET_WEBHOOK_SECRET"].encode(); '
    "signed = sys.argv[1].encode() + sys.stdin.buffer.read(); "
    'print(hmac.digest(key, signed, "sha256").hex())\''
)
"""Writes the MAC of its argument and its standard input; the secret is in no command line."""
_BASE64: Final = (
    'python3 -c \'import base64, hmac, os, sys; key = os.environ["KIKET_WEBHOOK_SECRET"]; '
    'key = base64.b64decode(key[6:].rstrip("=") + "==") if key.startswith("whsec_") '
    "else key.encode(); signed = sys.argv[1].encode() + sys.stdin.buffer.read(); "
    'print(base64.b64encode(hmac.digest(key, signed, "sha256")).decode())\''
)
"""The same as Standard Webhooks has it."""
_PUT_BACK: Final = (
    'python3 -c \'import os, re, sys; sys.stdout.buffer.write(re.sub(rb"\\[secret:(%s)\\]", '
    "lambda m: os.environb.get(m[1], m[0]), sys.stdin.buffer.read()))'"
)
"""Puts secrets from the environment in the places of their names, no other variable."""


class Command(Struct, frozen=True):
    """A command, and what a person should know of it, in sentences."""

    text: str
    notes: tuple[str, ...]


class _Request(Struct, frozen=True):
    """What a command sends; words are ready for the shell."""

    before: list[str]
    """Lines that come first."""
    headers: Headers
    """Headers as they came."""
    signed: list[str]
    """Words of headers that are made when the command runs, as `"name: value"`."""
    body: str | None
    """A text that can be one word, or None when it has to come through a pipe."""
    piped: str
    """The command that writes the body, empty without one."""
    url: str
    method: str
    notes: list[str]


class Urls(Struct, frozen=True):
    """Where an engine can be reached; empty where none is known."""

    gateway: str = ""
    platform: str = ""


def base_url(detail: Detail, urls: Urls) -> str:
    """Return where a request goes to, without its path: to an engine, else where it went then."""
    if detail.exchange.source is Source.PRODUCER and (elsewhere := aws.base_of(detail)):
        return elsewhere
    at_gateway = detail.exchange.source in (Source.WEBHOOK, Source.IPC)
    known = urls.gateway if at_gateway else urls.platform
    return known.rstrip("/") or f"http://{detail.request.header('host') or '127.0.0.1'}"


def curl(detail: Detail, base_url: str) -> Command:
    """Return the request of an exchange as a command of curl's.

    *base_url* is where it is sent to, without the path: `http://127.0.0.1:8700`.
    """
    request = _request(detail, base_url)
    words = ["curl -i"]
    if request.method == "HEAD":
        words = ["curl -I"]
    elif request.method != ("POST" if _has_body(detail) else "GET"):
        words.append(f"-X {quoted(request.method)}")
    if re.search(r"[\[\]{}]", request.url):
        words.append("-g")
    if "/." in request.url:
        words.append("--path-as-is")
    words.append(quoted(request.url))
    named = {name.lower() for name, _ in _headers(detail, ())}
    lines = [f"{name}: {value}" if value else f"{name};" for name, value in request.headers]
    words += [f"-H {header_word(line)}" for line in lines]
    words += [f"-H {word}" for word in request.signed]
    own = {"user-agent", "accept"} | ({"content-type"} if _has_body(detail) else set())
    if detail.exchange.source is Source.PRODUCER:  # curl would sign headers that it leaves out
        words += aws.signing(detail).words
    else:
        words += [f"-H '{name}:'" for name in sorted(own - named)]
    if len(detail.request.body.raw) >= EXPECT_FROM:
        words.append("-H 'expect:'")
    if request.body is not None:
        words.append(f"--data-raw {quoted(request.body)}")
    elif request.piped:
        words.append("--data-binary @-")
    return _joined(request, words)


def httpie(detail: Detail, base_url: str) -> Command:
    """Return the request of an exchange as a command of HTTPie's; see `curl`.

    HTTPie writes what is no ASCII in headers as UTF-8, whatever it was.
    """
    request = _request(detail, base_url, is_curl=False)
    words = ["http -v" if request.piped and request.body is None else "http -v --ignore-stdin"]
    if request.body is not None:
        words.append(f"--raw={quoted(request.body)}")
    words.append(f"{quoted(request.method)} {quoted(request.url)}")
    items = [_item(name, value) for name, value in request.headers]
    words += [quoted(each) if each.isprintable() else header_word(each, "utf-8") for each in items]
    words += [word.replace(": ", ":", 1) for word in request.signed]
    return _joined(request, words)


def _request(detail: Detail, base_url: str, *, is_curl: bool = True) -> _Request:
    message, exchange = detail.request, detail.exchange
    if not exchange.path.startswith("/"):
        raise ConsoleError(
            f"Exchange {exchange.id} is no HTTP request, so no command can repeat it.",
            exit_code=ExitCode.USAGE,
        )
    notes: list[str] = []
    before: list[str] = []
    raw_body = message.body.raw
    judgement = detail.judgement
    signs = exchange.source is Source.WEBHOOK and judgement is not None and judgement.ok
    dialect = judgement.dialect if signs and judgement is not None else None
    secrets = sorted({reference.name for reference in message.body.references})
    if message.body.truncated:
        notes.append("The body was cut when it was recorded; this sends what was kept of it.")
    kept_out = sorted({name.lower() for name, _ in message.headers if is_credential(name)})
    is_message = exchange.source is Source.PRODUCER
    if is_message and (masked := aws.masks(raw_body)):
        notes.append(masked)
    if is_message and is_curl:
        signing = aws.signing(detail)
        before += [_must_have(name) for name in signing.variables]
        notes.append(signing.note)
    elif kept_out:
        notes.append(f"Not recorded, so not sent: {', '.join(kept_out)}.")
    body = is_text(raw_body) if raw_body else None
    piped = printing(raw_body) if raw_body else ""
    if secrets:
        known = [name for name in secrets if _NAME.fullmatch(name)]
        others = [name for name in secrets if name not in known]
        before += [_must_have(name) for name in known]
        if known:
            notes.append(f"Set {', '.join(f'${name}' for name in known)}: the body holds it.")
            piped = behind(piped, _PUT_BACK % "|".join(known))
            body = None
        if others:
            notes.append(f"Put in yourself: {', '.join(visible(name) for name in others)}.")
    headers = _headers(detail, _SIGNATURES if dialect in _SIGNING else ())
    if is_message:
        headers = _headers(detail, aws.MADE_ANEW)
    signed: list[str] = []
    if dialect in _SIGNING:
        before.append(_must_have(SECRET))
        before += [f"body() {{ {piped}\n}}" if "\n" in piped else f"body() {{ {piped}; }}"]
        lines, signed = _SIGNING[str(dialect)](message.header("webhook-id"))
        before += lines
        piped, body = "body", None
        notes.append(f"Set ${SECRET}: it is signed ({dialect}) when it runs.")
    return _Request(
        before, headers, signed, body, piped, base_url.rstrip("/") + _ascii(exchange.path),
        exchange.method or "POST", notes,
    )  # fmt: skip


def _k0(_: str) -> tuple[list[str], list[str]]:
    return (
        ["now=$(date -u +%Y-%m-%dT%H:%M:%SZ)", f"mac=$(body | {_HEX} '')"],
        ['"x-kiket-signature: $mac"', '"x-kiket-timestamp: $now"'],
    )


def _kr(_: str) -> tuple[list[str], list[str]]:
    return (
        ["now=$(date +%s)", f'mac=$(body | {_HEX} "$now.")'],
        ['"x-kiket-signature: $mac"', '"x-kiket-timestamp: $now"'],
    )


def _k1(_: str) -> tuple[list[str], list[str]]:
    lines, _headers_of_kr = _kr(_)
    return lines, ['"x-kiket-signature: sha256=$mac"', '"x-kiket-timestamp: $now"']


def _sw1(message_id: str) -> tuple[list[str], list[str]]:
    word = quoted(f"{message_id}.")
    return (
        ["now=$(date +%s)", f'mac=$(body | {_BASE64} {word}"$now.")'],
        ['"webhook-signature: v1,$mac"', '"webhook-timestamp: $now"'],
    )


_SIGNING: Final = {"k0": _k0, "kr": _kr, "k1": _k1, "sw1": _sw1}


def _headers(detail: Detail, left_out: frozenset[str] | tuple[str, ...]) -> Headers:
    return tuple(
        (name, value)
        for name, value in detail.request.headers
        if name.lower() not in _NOT_SENT
        and name.lower() not in left_out
        and not name.lower().startswith("x-forwarded-")
        and not is_credential(name)
    )


def _ascii(path: str) -> str:
    """Return a path and query with bytes that are no ASCII in percent signs."""
    return path if path.isascii() else quote(path.encode("latin-1", "replace"), safe=_URL_SIGNS)


def _has_body(detail: Detail) -> bool:
    return bool(detail.request.body.raw)


def _must_have(name: str) -> str:
    return f': "${{{name}:?set it first}}"; export {name}'


def _item(name: str, value: str) -> str:
    """Return a header as HTTPie takes it: a value must not begin with a sign of its own."""
    if not value:
        return f"{name};"
    return f"{name}:\\{value}" if value[0] in "@=" else f"{name}:{value}"


def _joined(request: _Request, words: list[str]) -> Command:
    command = " \\\n  ".join(words)
    if request.piped and request.body is None:
        command = behind(request.piped, command)
    text = "\n".join([*request.before, command])
    # In a shell of its own: a variable that is missing ends this, and not the person's session.
    return Command(f"(\n{text}\n)" if request.before else text, tuple(request.notes))
