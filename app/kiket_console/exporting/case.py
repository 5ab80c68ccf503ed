"""A recorded delivery as a test: a JSON fixture, and the pytest module that uses it.

The test signs when it runs, with what the extension under test expects, so it passes next week as
well. Calls that the handler made are answered as they were. What differs each time, such as the
moment it was handled, is not expected again.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from kiket_console import json_path
from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.exporting.redaction import LEFT_OUT, for_others
from kiket_console.model import Source
from kiket_console.text import encodable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kiket_console.model import Attempt, Detail

LONGEST_NAME: Final = 80
NEAR_S: Final = 86_400
"""A moment so near to when the delivery came was probably taken from the clock."""
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
_RANDOM: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16,128}", re.IGNORECASE
)


class Case(Struct, frozen=True):
    """A test and its fixture, and what a person should know of it, in sentences."""

    name: str
    fixture: str
    module: str
    notes: tuple[str, ...]

    @property
    def fixture_name(self) -> str:
        """The name of the fixture's file."""
        return f"{self.name}.json"

    @property
    def module_name(self) -> str:
        """The name of the test's file."""
        return f"test_{self.name}.py"


def name_for(detail: Detail) -> str:
    """Return a name for the test of a delivery: `issue_created_v1`."""
    exchange = detail.exchange
    return _slug(f"{exchange.name} {exchange.version}") or f"exchange_{exchange.id}"


def case(
    detail: Detail,
    name: str,
    *,
    calls: Sequence[Detail] = (),
    extension: str = "",
    ignore: Sequence[str] = (),
) -> Case:
    """Return the test of a delivery.

    *calls* are the API calls that its handler made; *extension* names the extension under test as
    `main:sdk` where pytest's own configuration does not; *ignore* are JSON paths that differ each
    time. Raises `ConsoleError` for a name that is none, and for what cannot be tested so.
    """
    slug = _slug(name)
    if not slug or len(slug) > LONGEST_NAME:
        raise _refused(f'"{name[:LONGEST_NAME]}" cannot be the name of a test.',
                       "Use letters, digits and _.")  # fmt: skip
    payload = _payload(detail)
    shown = for_others(detail)
    answer = shown.attempts[-1].answer if shown.attempts else None
    exchange = detail.exchange
    kept: dict[str, Any] = {
        "event": exchange.name,
        "version": exchange.version,
        "payload": _json(shown.request.body.raw.decode(), payload),
        "calls": list(_calls(calls, detail.attempts)),
        "status": exchange.status,
    }
    expected, left_out = _expected(
        answer.body.raw if answer and not answer.body.truncated else b"", detail, ignore
    )
    if expected is not _NOTHING:
        kept["response"] = expected
    notes = [f"Not checked, as it may differ each time: {', '.join(left_out)}."] if left_out else []
    if b"[secret:" in shown.request.body.raw or b"[redacted]" in shown.request.body.raw:
        notes.append("Secrets of the payload are left out of the fixture.")
    moment = datetime.fromtimestamp(exchange.started_us / 1_000_000, UTC)
    title = " ".join(f"{exchange.name} {exchange.version}".split())
    module = _module(
        slug, f"{title}, as it was answered on {moment:%Y-%m-%d}", extension,
        versioned=bool(exchange.version), kind=_kind(expected, left_out),
    )  # fmt: skip
    written = encodable(json.dumps(kept, indent=2, ensure_ascii=False)) + "\n"
    return Case(slug, written, module, tuple(notes))


_NOTHING: Final = object()


def refuse_what_cannot_be_a_test(detail: Detail) -> None:
    """Look at all but the payload; raises `ConsoleError` when no test can be made of this."""
    exchange = detail.exchange
    if exchange.source is Source.IPC:
        raise _refused(f"Exchange {exchange.id} is a module's message, not a delivery.",
                       "Modules are tested with pywatt_sdk.testing.")  # fmt: skip
    if exchange.source is Source.PRODUCER:
        raise _refused(f"Exchange {exchange.id} is a message to a producer, not a delivery.",
                       "Tests of what sends one use kindo_message_client.testing.")  # fmt: skip
    if exchange.source is not Source.WEBHOOK:
        raise _refused(f"Exchange {exchange.id} is a call, not a delivery.",
                       "Save the delivery that caused it.")  # fmt: skip
    if exchange.status is None:
        raise _refused(f"Exchange {exchange.id} has no answer that a test could expect.",
                       "Replay it, and save the replay.")  # fmt: skip
    judgement = detail.judgement
    if judgement is not None and not judgement.ok:
        raise _refused(
            f"The signature of exchange {exchange.id} was refused, and a test would sign well.",
            "Replay it, and save the replay.",
        )
    if detail.request.body.truncated:
        raise _refused(f"The body of exchange {exchange.id} was cut when it was recorded.", "")


def _payload(detail: Detail) -> Any:
    refuse_what_cannot_be_a_test(detail)
    try:
        return json.loads(detail.request.body.raw.decode())
    except (ValueError, RecursionError):
        raise _refused(f"The body of exchange {detail.exchange.id} is no JSON.", "") from None


def _calls(calls: Sequence[Detail], attempts: Sequence[Attempt]) -> Iterator[dict[str, Any]]:
    """Return the calls that were answered, in order; of several attempts, those of the last."""
    since_us = attempts[-1].started_us if len(attempts) > 1 else 0
    for call in calls:
        exchange, shown = call.exchange, for_others(call)
        if exchange.source is not Source.API or exchange.status is None:
            continue
        if exchange.started_us < since_us:
            continue
        answer = shown.attempts[-1].answer if shown.attempts else None
        raw = answer.body.raw if answer else b""
        yield {
            "method": exchange.method,
            "path": exchange.path,
            "status": exchange.status,
            "body": _json(raw.decode("utf-8", "replace"), None),
        }


def _expected(raw: bytes, detail: Detail, ignore: Sequence[str]) -> tuple[Any, list[str]]:
    """Return what of a response will be the same each time, and what will not, in paths."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return _NOTHING, ["the body"]
    if not text:
        return _NOTHING, []
    value = _json(text, _NOTHING)
    if value is _NOTHING:
        return text, []
    given = detail.request.body.raw.decode()
    ignored = {
        place[:1] for path in ignore for place, _ in json_path.parse(path).find(value)
    }  # fmt: skip
    if isinstance(value, dict):
        varies = [
            key
            for key, member in value.items()
            if (key,) in ignored or _differs(member, given, detail.exchange.started_us)
        ]
        kept = {key: member for key, member in value.items() if key not in varies}
        return kept, [json_path.write((key,)) for key in varies]
    if ignored or _differs(value, given, detail.exchange.started_us):
        return _NOTHING, ["the body"]
    return value, []


def _differs(value: Any, given: str, started_us: int) -> bool:
    """Tell whether a value was probably taken from the clock or from chance, or is left out."""
    if isinstance(value, dict):
        return any(_differs(member, given, started_us) for member in value.values())
    if isinstance(value, list):
        return any(_differs(item, given, started_us) for item in value)
    started_s = started_us / 1_000_000
    if isinstance(value, str):
        if LEFT_OUT in value or "[secret:" in value:
            return True
        if value and value in given:
            return False
        if _RANDOM.fullmatch(value):
            return True
        try:
            found = datetime.fromisoformat(value) if _MOMENT.match(value) else None
        except ValueError:
            return False
        if found is None:
            return False
        aware = found if found.tzinfo else found.replace(tzinfo=UTC)
        return abs(aware.timestamp() - started_s) < NEAR_S
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    near = any(abs(value / unit - started_s) < NEAR_S for unit in (1, 1_000, 1_000_000))
    return near and str(value) not in given


def _json(text: str, otherwise: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return otherwise


def _kind(expected: Any, left_out: list[str]) -> str:
    if expected is _NOTHING:
        return "status"
    if isinstance(expected, dict) and left_out:
        return "some fields"
    return "text" if isinstance(expected, str) else "json"


_CHECKS: Final = {
    "status": "",
    "json": '\n    assert answer.json() == recorded["response"]',
    "text": '\n    assert answer.text == recorded["response"]',
    "some fields": """
    fields = answer.json()
    assert {name: fields.get(name) for name in recorded["response"]} == recorded["response"]""",
}
_EXTENSION: Final = '''

@pytest.fixture
def kiket_sdk(monkeypatch):
    """Return the extension under test; `kiket_sdk = {extension}` in pytest.ini does the same."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1])
    monkeypatch.setenv("KIKET_WEBHOOK_SECRET", "kiket-test-secret-of-32-bytes-ok")
    return getattr(import_module("{module}"), "{name}")
'''


def _module(slug: str, title: str, extension: str, *, versioned: bool, kind: str) -> str:
    module, _, name = extension.partition(":")
    fixture = _EXTENSION.format(extension=extension, module=module, name=name or "sdk")
    imports = "from importlib import import_module\n" if extension else ""
    needs = "\nimport pytest\n" if extension else ""
    version = ', version=recorded["version"]' if versioned else ""
    target = 'signed["path"]' if versioned else "f\"/webhooks/{recorded['event']}\""
    headers = 'signed["headers"]'
    strip = "" if versioned else '\n    signed["headers"].pop("X-Kiket-Event-Version", None)'
    check = _CHECKS[kind]
    return f'''"""{_quiet(title)}."""

import json
{imports}from pathlib import Path
{needs}
RECORDED = Path(__file__).parent / "{slug}.json"
{fixture if extension else ""}

def test_{slug}(kiket_client, kiket_platform, kiket_signed_payload):
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    for call in recorded["calls"]:
        answers = kiket_platform.answers.setdefault(f"{{call['method']}} {{call['path']}}", [])
        answers.append((call["status"], call["body"]))
    signed = kiket_signed_payload(
        recorded["payload"], event=recorded["event"]{version}
    ){strip}

    answer = kiket_client.post({target}, content=signed["body"], headers={headers})

    assert answer.status_code == recorded["status"], answer.text{check}
'''


def _quiet(text: str) -> str:
    """Return *text* as it can stand in a docstring."""
    return re.sub(r"[^\w .,:/@+-]", "_", text, flags=re.ASCII)


def _slug(text: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "_", text.lower(), flags=re.ASCII).strip("_")
    return slug.removeprefix("test_")


def _refused(message: str, hint: str) -> ConsoleError:
    return ConsoleError(message, hint=hint, exit_code=ExitCode.USAGE)
