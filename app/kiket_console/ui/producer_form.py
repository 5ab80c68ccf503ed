"""A producer message as a form and as JSON: two looks at one text, and nothing lost between them.

event type  payment.processed     channel   internal        {
behaviour   instant               security  sensitive   ◄─►   "event_type": "payment.processed",
{ "amount": 99.99 }                                           …
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.producing.checking import Wrong, check, members
from kiket_console.sending import payload
from kiket_console.text import visible

if TYPE_CHECKING:
    from collections.abc import Mapping

PAYLOAD: Final = "payload"
FIELDS: Final = ("event_type", "message_channel", "behavior", "security_level")
"""The members that the form has a field for, in the order of the text."""
_INDENT: Final = "  "


class Form(Struct, frozen=True):
    """The members of a message, each as a person edits it."""

    event_type: str = ""
    message_channel: str = ""
    behavior: str = ""
    security_level: str = ""
    payload: str = "{}"
    """The text between the fields and the end; it may be no JSON yet."""
    said: frozenset[str] = frozenset()
    """Fields that are in the text although they are empty."""
    others: tuple[tuple[str, str], ...] = ()
    """Members that the form has no field for, by name, as JSON."""

    def value(self, name: str) -> str:
        """Return what a field holds."""
        return str(getattr(self, name))

    def with_value(self, name: str, value: str) -> Form:
        """Return the form with another value in a field, or another payload."""
        changed: dict[str, Any] = {name: value}
        return replace(self, **changed)

    @property
    def text(self) -> str:
        """The message as JSON, laid out to be read; with the payload's mistakes, if it has any."""
        head, indented = self._head, self.payload.replace("\n", f"\n{_INDENT}")
        return f'{head}{_INDENT}"{PAYLOAD}": {indented}\n}}'

    @property
    def _head(self) -> str:
        lines = ["{"]
        for name in FIELDS:
            value = self.value(name)
            if value or name in self.said:
                written = payload.escaped(json.dumps(value, ensure_ascii=False))
                lines.append(f'{_INDENT}"{name}": {written},')
        for name, value in self.others:
            written = payload.escaped(json.dumps(name, ensure_ascii=False))
            lines.append(f"{_INDENT}{written}: {value},")
        return "".join(f"{line}\n" for line in lines)

    def check(self, schema: Mapping[str, Any]) -> tuple[Wrong, ...]:
        """Return what is wrong; what is in the payload by the lines of the payload.

        A mistake in a field has that field as its member; its place means nothing.
        """
        if (fault := payload.fault(self.payload)) is not None:
            mistake = Wrong(fault.line, fault.column, fault.sentence, PAYLOAD)
            return (mistake, *self.with_value(PAYLOAD, "{}").check(schema))
        first = self._head.count("\n")
        return tuple(
            replace(
                each,
                line=max(0, each.line - first),
                column=max(0, each.column - len(_INDENT)) if each.line > first else 0,
            )
            for each in check(self.text, schema)
        )


def form_of(text: str) -> Form:
    """Return the form of a message; raises `ConsoleError` when its text fits none."""
    if (fault := payload.fault(text)) is not None:
        raise _unfit(str(fault))
    if not isinstance(payload.parse(text), dict):
        raise _unfit("The message is no JSON object.")
    found = members(text)
    names = [name for name, _ in found]
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise _unfit(f'"{visible(doubled)}" is there twice.')
    values: dict[str, Any] = {}
    others: list[tuple[str, str]] = []
    for name, written in found:
        if name == PAYLOAD:
            values[name] = payload.spread(written)
        elif name not in FIELDS:
            others.append((name, written))
        elif isinstance(value := json.loads(written), str):
            values[name] = value
        else:
            raise _unfit(f'"{name}" is no text.')
    said = frozenset(name for name in FIELDS if values.get(name) == "")
    return Form(**values, said=said, others=tuple(others))


def _unfit(why: str) -> ConsoleError:
    return ConsoleError(f"It fits no form. {why}", exit_code=ExitCode.USAGE)
