"""Messages to begin with: a few of everyday kinds, and the project's own in `messages/*.json`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.new_file import SHARED, write_new
from kiket_console.sending import payload
from kiket_console.text import plural

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = "messages"
"""Where in the project its templates are."""
MOST: Final = 200
MOST_BYTES: Final = 1024 * 1024
"""A larger file is no template that anybody would choose from a list."""
_NAME: Final = re.compile(r"[\w][\w .-]{0,79}")
_MEMBERS: Final = ("event_type", "message_channel", "behavior", "security_level", "payload")


class Template(Struct, frozen=True):
    """A message under a name."""

    name: str
    meaning: str
    """What it is, in a few words; empty for a file that says nothing of itself."""
    text: str
    """JSON, laid out to be read."""
    file: str = ""
    """The file's name where it is one of the project's; empty: it comes with the program."""


def built_in() -> list[Template]:
    """Return the templates that come with the program."""
    return [Template(name, meaning, laid_out(fields)) for name, meaning, fields in _BUILT_IN]


def of_project(folder: Path) -> list[Template]:
    """Return the templates of the project in *folder*, by name; files that are none are left out.

    A file is read here and nothing more: what is wrong with it is seen when it is chosen.
    """
    found: list[Template] = []
    place = folder / FOLDER
    try:
        files = sorted(file for file in place.glob("*.json") if file.is_file())
    except OSError:
        return []
    for file in files[:MOST]:
        try:
            if file.stat().st_size > MOST_BYTES:
                continue
            text = file.read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        found.append(
            Template(file.stem, _meaning(text), text.rstrip("\n"), f"{FOLDER}/{file.name}")
        )
    return found


def named(folder: Path, name: str) -> Template:
    """Return the template of a name, the project's own first; raises `ConsoleError`."""
    known = [*of_project(folder), *built_in()]
    for each in known:
        if each.name == name:
            return each
    raise ConsoleError(
        f'There is no template "{name}".',
        hint=f"There are {', '.join(each.name for each in known)}.",
        exit_code=ExitCode.USAGE,
    )


def save(folder: Path, name: str, text: str, *, replace: bool = False) -> Path:
    """Write *text* as a template of the project in *folder*; return its file.

    Raises `ConsoleError` for a name that is none, and for one that is taken unless *replace*.
    """
    name = name.strip().removesuffix(".json")
    if not _NAME.fullmatch(name):
        raise ConsoleError(
            "A template's name has letters, digits, blanks, dots and hyphens.",
            hint="Write order-shipped, for instance.",
            exit_code=ExitCode.USAGE,
        )
    place = folder / FOLDER
    try:
        place.mkdir(exist_ok=True)
    except OSError as error:
        raise ConsoleError(f"Cannot make {place}: {error.strerror}.") from error
    if place.is_symlink() and not place.resolve().is_relative_to(folder.resolve()):
        raise ConsoleError(f"{place} leads out of the project; nothing was written.")
    file = place / f"{name}.json"
    write_new(file, f"{text.rstrip()}\n".encode("utf-8", "replace"), mode=SHARED, replace=replace)
    return file


def laid_out(fields: dict[str, object]) -> str:
    """Return a message as JSON to read, its members in the schema's order."""
    ordered = {name: fields[name] for name in _MEMBERS if name in fields}
    return payload.spread(json.dumps(ordered | fields, ensure_ascii=False))


def _meaning(text: str) -> str:
    """Return what a file's message is: its type and channel, or why it is none."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return "no JSON yet"
    if not isinstance(fields, dict):
        return "no message: it is no JSON object"
    said = [str(fields[each]) for each in _MEMBERS[:2] if isinstance(fields.get(each), str)]
    if isinstance(fields.get("payload"), dict):
        said.append(plural(len(fields["payload"]), "field"))
    return " · ".join(said)


_BUILT_IN: Final[tuple[tuple[str, str, dict[str, object]], ...]] = (
    (
        "notification",
        "tell a person something by e-mail",
        {
            "event_type": "user.notification",
            "message_channel": "email",
            "behavior": "instant",
            "payload": {
                "user_id": "12345",
                "subject": "Welcome to Kindo!",
                "content": "Thank you for joining our platform.",
            },
        },
    ),
    (
        "payment",
        "sensitive: the service keeps only a hash of the payload",
        {
            "event_type": "payment.processed",
            "message_channel": "internal",
            "behavior": "instant",
            "security_level": "sensitive",
            "payload": {
                "user_id": "12345",
                "credit_card_last4": "1234",
                "amount": 99.99,
                "transaction_id": "txn_abc123",
            },
        },
    ),
    (
        "order status",
        "sensitive: an order went on, told by SMS",
        {
            "event_type": "order.status_update",
            "message_channel": "sms",
            "behavior": "instant",
            "security_level": "sensitive",
            "payload": {
                "order_id": "ORD-12345",
                "status": "shipped",
                "estimated_delivery": "2027-01-15",
                "customer_phone": "+1234567890",
            },
        },
    ),
    (
        "event log",
        "something happened in a system, for the log",
        {
            "event_type": "system.started",
            "message_channel": "logging",
            "behavior": "deferred",
            "payload": {"timestamp": "2027-01-15T09:30:00Z", "data": {"host": "web-1"}},
        },
    ),
    (
        "empty",
        "only what each message has to have",
        {"event_type": "", "message_channel": "", "behavior": "instant", "payload": {}},
    ),
)
