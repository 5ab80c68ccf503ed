"""What a message takes, beside what is typed of it so far.

http_request  An HTTP request for the module's app; http_response answers it.
✓ method      text     GET, POST, …
✗ uri         text     is missing: path and query
✗ url         uri is probably meant
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from kiket_console.sending import payload
from kiket_console.text import fit, visible
from kiket_console.ui.paint.line import cut

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kiket_console.ui.paint.line import Line
    from kiket_console.wire import IpcField, IpcOp

_NAME: Final = 22
_KIND: Final = 14
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "text": (str,),
    "uuid": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "list": (list,),
    "object": (dict,),
}


class Look(Struct, frozen=True):
    """What is found about a message as it is typed."""

    op: IpcOp | None
    lines: Sequence[Line]
    wrong: int
    """How many of its fields are missing, unknown, or of another kind."""


def look(ops: Sequence[IpcOp], text: str, width: int) -> Look:
    """Return what a message takes, and what is wrong with *text* as far as that can be told."""
    try:
        document = payload.parse(text)
    except (ValueError, RecursionError):
        return Look(None, (), 0)
    if not isinstance(document, dict):
        return Look(None, [[("  A message is a JSON object: { }.", "error")]], 1)
    said = document.get("op")
    op = next((each for each in ops if each.op == said), None)
    if op is None:
        return Look(None, _no_op(ops, said), 1)
    fields = [_field(each, document) for each in op.fields]
    known = {each.name for each in op.fields} | {"op"}
    strange = [_strange(name, known) for name in document if name not in known]
    wrong = len(strange) + sum(line[0][1] == "error" for line in fields)
    lines = [_about(op), *fields, *strange]
    return Look(op, [cut(line, width) for line in lines], wrong)


def _about(op: IpcOp) -> Line:
    answered = f" {op.answer} answers it." if op.answer else ""
    return [(f"  {op.op}  ", "strong"), (f"{op.meaning}{answered}", "muted")]


def _field(field: IpcField, document: Mapping[str, Any]) -> Line:
    value = document.get(field.name)
    name = fit(field.name, _NAME)
    kind = fit(field.kind, _KIND)
    if value is None and field.required:
        because = f"is missing: {field.meaning}" if field.meaning else "is missing"
        return [("  ✗ ", "error"), (name, "name"), (kind, "muted"), (because, "error")]
    if value is not None and not _fits(value, field.kind):
        return [("  ✗ ", "error"), (name, "name"), (kind, "muted"), ("is something else", "error")]
    sign = ("  ✓ ", "ok") if field.name in document else ("    ", "")
    return [sign, (name, "name"), (kind, "muted"), (field.meaning, "muted")]


def _fits(value: Any, kind: str) -> bool:
    types = _TYPES.get(kind)
    if types is None:
        return True
    return isinstance(value, types) and (bool in types or not isinstance(value, bool))


def _strange(name: str, known: set[str]) -> Line:
    near = get_close_matches(name, sorted(known), 1)
    because = f"{near[0]} is probably meant" if near else "is not taken"
    return [("  ✗ ", "error"), (fit(visible(name), _NAME), "name"), (because, "error")]


def _no_op(ops: Sequence[IpcOp], said: object) -> list[Line]:
    names = [each.op for each in ops]
    near = get_close_matches(said, names, 1) if isinstance(said, str) else []
    others = f"say one of {', '.join(names)}"
    because = f'"{near[0]}" is probably meant' if near else others
    return [[("  ✗ ", "error"), (fit("op", _NAME), "name"), (because, "error")]]
