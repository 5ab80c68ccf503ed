"""A module's message as it is shown: its fields first, then the bytes that it carries, decoded.

    1 {
    2   "op": "http_request",
    3   "request_id": "h-1",
    4   "body": "… 38 bytes, below"
    5 }

    body  application/json  38 b
    1 {
    2   "customer": "Größe"
    3 }

`P` shows the text as it was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kiket_console.carried import carried, replaced
from kiket_console.model import Body
from kiket_console.text import plural, size, visible
from kiket_console.ui.paint.body import MARGIN, SLOW_BYTES, BodyView
from kiket_console.ui.paint.source import Chain, Lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kiket_console.carried import Carried
    from kiket_console.model import Message
    from kiket_console.ui.paint.layout import Shape
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.paint.source import LineSource

_NAMES: Final = {"data": "payload"}
_SHOWN: Final = 20
"""So many of the values that a message carries are shown by themselves."""


class MessageView(BodyView):
    """The text of a message, and what it carries; *message* has the headers of HTTP in it."""

    def __init__(self, message: Message) -> None:
        super().__init__(message.body, "application/json")
        self._type = message.header("content-type")
        self._encoding = message.header("content-encoding")

    @property
    def slow(self) -> bool:
        """Whether laying it out belongs in a thread."""
        return len(self.body.raw) > SLOW_BYTES

    def _make(self, shape: Shape, *, pretty: bool) -> Iterator[None]:
        found = carried(self._raw)[:_SHOWN] if pretty and self.kind.name == "json" else ()
        if not found:
            yield from super()._make(shape, pretty=pretty)
            return
        fields = replaced(self._raw, found, _below)
        head = BodyView(Body(fields, len(fields)), "application/json")
        yield from head.lay(shape, pretty=True)
        sources: list[LineSource] = [head.source]
        for each in found:
            view = self._view(each)
            yield from view.lay(shape, pretty=True)
            sources += [Lines([[], self._head_of(each, view)]), view.source]
        self._documents[True] = Chain(*sources)

    def _view(self, each: Carried) -> BodyView:
        is_http = each.key == "body"
        kind, encoding = (self._type, self._encoding) if is_http else ("", "")
        return BodyView(Body(each.raw, len(each.raw)), kind, encoding)

    def _head_of(self, each: Carried, view: BodyView) -> Line:
        kind = visible(self._type) if each.key == "body" else ""
        facts = [kind, size(len(each.raw)), *("".join(t for t, _ in fact) for fact in view.facts)]
        said = "  ".join(filter(None, facts))
        return [(f"{MARGIN}{_NAMES.get(each.key, each.key)}  ", "strong"), (said, "muted")]


def _below(each: Carried) -> bytes:
    return f'"… {plural(len(each.raw), "byte")}, below"'.encode()
