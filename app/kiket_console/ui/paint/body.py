"""A stored body as it is shown: JSON laid out, forms as a table, text as it is, else as bytes."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from kiket_console.text import decode, fit, plural, size, visible
from kiket_console.ui.paint import bodies
from kiket_console.ui.paint.document import Document
from kiket_console.ui.paint.hex import HexLines
from kiket_console.ui.paint.json_index import JsonIndex
from kiket_console.ui.paint.line import wrap
from kiket_console.ui.paint.source import Chain, Lines, LineSource
from kiket_console.ui.paint.text_index import TextIndex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kiket_console.model import Body, Message
    from kiket_console.ui.paint.layout import Shape
    from kiket_console.ui.paint.line import Line

SLOW_BYTES = 64 << 10
"""A larger body is laid out in a thread."""
SHOWN_BYTES = 32 << 20
"""So much of a body is shown; the store may hold more."""
PARTS_SHOWN = 50
FIELDS_SHOWN = 2_000
MARGIN = "  "


class BodyView:
    """One body, as it was sent and laid out.

    It is made ready by `lay()`, step by step; `source` can be looked at as soon as the first step
    is done. Folds and all else that a person changed in it last as long as it does.
    """

    def __init__(self, body: Body, content_type: str = "", encoding: str = "") -> None:
        self.body = body
        self._content_type = content_type
        raw = body.raw[:SHOWN_BYTES]
        unpacked = bodies.unpacked(raw, encoding) if encoding else None
        self._packed = encoding if unpacked is not None else ""
        self._stored = raw
        self._raw = raw if unpacked is None else unpacked
        self.kind = bodies.kind_of(self._raw, content_type)
        self._documents: dict[bool, LineSource] = {}
        self._problem = ""
        self._width = 80
        self._pretty = True
        self.turn = threading.Lock()
        """Held by the thread that lays it out."""

    @property
    def slow(self) -> bool:
        """Whether laying it out belongs in a thread."""
        return len(self._raw) > SLOW_BYTES and self.kind.name != "bytes"

    @property
    def source(self) -> LineSource:
        """The rows as they are now."""
        shown = self._documents.get(self._pretty, Lines())
        return Chain(Lines(self._head()), shown, Lines(self._tail()))

    @property
    def done(self) -> float:
        """How much of it has been laid out, from 0 to 1."""
        shown = self._documents.get(self._pretty)
        return shown.index.done if isinstance(shown, Document) else float(shown is not None)

    @property
    def facts(self) -> list[Line]:
        """What is to be said of it beside its size: what it is, what is missing or odd."""
        facts: list[Line] = []
        if self.kind.called:
            facts.append([(self.kind.called, "")])
        if self._packed:
            facts.append([(f"{visible(self._packed)}, {size(len(self._raw))} unpacked", "muted")])
        if self.body.truncated:
            kept = size(len(self.body.raw) + self.body.unread)
            facts.append([(f"cut: {kept} kept", "warning")])
        shown = self._documents.get(self._pretty)
        if isinstance(shown, Document) and shown.characters.hidden:
            facts.append([("contains hidden characters", "warning")])
        return facts

    def lay(self, shape: Shape, *, pretty: bool) -> Iterator[None]:
        """Lay it out in a shape, or as it was sent; each step takes a few milliseconds."""
        shown = self._documents.get(pretty)
        self._pretty = pretty
        self._width = shape.width
        if isinstance(shown, Document):
            yield from shown.fit(shape)
        elif shown is None:
            yield from self._make(shape, pretty=pretty)

    def is_laid(self, shape: Shape, *, pretty: bool) -> bool:
        """Return whether nothing is left to do for a shape."""
        shown = self._documents.get(pretty)
        if self._pretty != pretty or shown is None or self.done < 1:
            return False
        return not isinstance(shown, Document) or shown.fits(shape)

    def forget(self, *, pretty: bool) -> None:
        """Begin anew with what was not laid out to its end."""
        if self.done < 1:
            self._documents.pop(pretty, None)

    def lay_at_once(self, shape: Shape, *, pretty: bool) -> None:
        """Lay it out to the end."""
        deque(self.lay(shape, pretty=pretty), maxlen=0)

    def _make(self, shape: Shape, *, pretty: bool) -> Iterator[None]:
        name = self.kind.name
        if name == "bytes" or (self._packed and not pretty):
            self._documents[pretty] = HexLines(self._raw if pretty else self._stored)
        elif not self._raw:
            self._documents[pretty] = Lines()
        elif pretty and name == "form":
            self._documents[pretty] = Lines(_form_lines(self._raw, shape.width))
        elif pretty and name == "parts":
            yield from self._make_parts(shape)
        elif pretty and name in ("json", "lines"):
            yield from self._make_json(shape)
        else:
            language = "json" if name in ("json", "lines") else ""
            document = Document(TextIndex(self._text()), language)
            yield from self._read(document, shape, pretty=pretty)

    def _make_json(self, shape: Shape) -> Iterator[None]:
        """Lay JSON out; what turns out to be none is shown as text, with the place marked."""
        cut_off = self.body.truncated or len(self._stored) < len(self.body.raw)
        several = self.kind.name == "lines"
        index = JsonIndex(self._text(), several=several, cut_off=cut_off or self.body.unread > 0)
        yield from self._read(Document(index, "json"), shape, pretty=True)
        if index.problem is None:
            return
        text = TextIndex(index.raw)
        if self.kind.claimed and not index.too_deep:
            text.problem = index.problem
        if self.kind.claimed:
            where = f"line {index.problem.line:,}, column {index.problem.column:,}"
            self._problem = f"This is not JSON: {where}. {index.problem.sentence}"
        if index.too_deep:
            self._problem = f"{index.problem.sentence} It is shown as it was sent."
        yield from self._read(Document(text, "json"), shape, pretty=True)

    def _read(self, document: Document, shape: Shape, *, pretty: bool) -> Iterator[None]:
        steps = document.read(shape)
        next(steps, None)
        self._documents[pretty] = document
        yield from steps

    def _make_parts(self, shape: Shape) -> Iterator[None]:
        sources: list[LineSource] = []
        parts = list(_parts(self._raw, self.kind.boundary))
        for number, (head, content) in enumerate(parts[:PARTS_SHOWN]):
            view = BodyView(_of(content), head.get("content-type", ""))
            yield from view.lay(shape, pretty=True)
            sources += [Lines(_part_head(head, content, number)), view.source]
        if len(parts) > PARTS_SHOWN:
            more = plural(len(parts) - PARTS_SHOWN, "more part")
            sources.append(Lines([[(f"{MARGIN}… {more}; P shows all as sent", "muted")]]))
        self._documents[True] = Chain(*sources)

    def _text(self) -> bytes:
        """Return the text in UTF-8, whatever it was sent in."""
        if self.kind.charset == "utf-8":
            return self._raw
        text = self._raw.decode(self.kind.charset, "backslashreplace")
        return text.encode("utf-8", "surrogatepass")

    def _head(self) -> list[Line]:
        if not (self._problem and self._pretty):
            return []
        return [*([("! " if not at else "  ", "error"), *line] for at, line in enumerate(
            wrap(self._problem, self._width - 4)
        )), []]  # fmt: skip

    def _tail(self) -> list[Line]:
        """Say what is not shown, and why."""
        lines: list[Line] = []
        unshown = len(self.body.raw) - len(self._stored) + self.body.unread
        if unshown:
            lines.append([(f"{MARGIN}… {size(unshown)} more are stored; ", "warning"),
                          (f"the first {size(len(self._stored))} are shown", "muted")])  # fmt: skip
        if len(self._raw) >= bodies.UNPACKED_LIMIT_BYTES and self._packed:
            first = size(len(self._raw))
            lines.append([(f"{MARGIN}… only the first {first} were unpacked", "muted")])
        if self.body.truncated:
            missing = max(0, self.body.size - len(self.body.raw) - self.body.unread)
            lines.append([(f"{MARGIN}… {size(missing)} more came and were not kept", "warning")])
        return lines


def view_of(message: Message) -> BodyView:
    """Return the view of a message's body."""
    kind, encoding = message.header("content-type"), message.header("content-encoding")
    return BodyView(message.body, kind, encoding)


def _of(raw: bytes) -> Body:
    from kiket_console.model import Body

    return Body(raw, len(raw))


def _form_lines(raw: bytes, width: int) -> list[Line]:
    fields = raw.split(b"&")
    pairs: list[tuple[str, str]] = []
    for field in fields[:FIELDS_SHOWN]:
        name, _, value = field.partition(b"=")
        pairs.append((_unescaped(name), _unescaped(value)))
    column = min(28, max((len(visible(name)) for name, _ in pairs), default=0))
    lines: list[Line] = []
    for label, text in pairs:
        for place, line in enumerate(wrap(text, width - column - 6)):
            shown = "" if place else visible(label)
            lines.append([(f"{MARGIN}{fit(shown, column)}  ", "name"), *line])
    if len(fields) > FIELDS_SHOWN:
        more = plural(len(fields) - FIELDS_SHOWN, "more field")
        lines.append([(f"{MARGIN}… {more}; P shows all as sent", "muted")])
    return lines


def _unescaped(raw: bytes) -> str:
    return decode(unquote_to_bytes(raw.replace(b"+", b" ")))


def _parts(raw: bytes, boundary: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    """Yield each part of a multipart body: its headers, by small names, and its content."""
    for piece in raw.split(b"--" + boundary)[1:]:
        if piece.startswith(b"--"):
            return
        head, _, content = piece.lstrip(b"\r\n").partition(
            b"\r\n\r\n" if b"\r\n\r\n" in piece else b"\n\n"
        )
        headers = {}
        for line in head.splitlines()[:50]:
            name, _, value = decode(line).partition(":")
            headers[name.strip().lower()] = value.strip()
        yield headers, content.removesuffix(b"\n").removesuffix(b"\r")


def _part_head(head: dict[str, str], content: bytes, number: int) -> list[Line]:
    named = visible(head.get("content-disposition", "")).partition(";")[2].strip()
    kind = visible(head.get("content-type", ""))
    facts = "  ".join(filter(None, (kind, size(len(content)))))
    title = f"{MARGIN}part {number + 1}"
    line: Line = [(f"{title}  ", "strong"), (f"{named}  " if named else "", ""), (facts, "muted")]
    return [line] if not number else [[], line]
