"""JSON laid out: where each line of it is, and how deep, found in one pass over the bytes.

    0   {                       code 0: depth 0
    1     "labels": [           code 2: depth 1
    2       "web"               code 4: depth 2
    3     ]                     code 3: depth 1, and it closes
    4   }                       code 1: depth 0, and it closes

A line costs five bytes: where it begins, and twice its depth, one more where it closes what an
earlier line opened. All else (what closes a line, what it stands in, how many items it holds, its
path) is a search for a byte in those codes. Each token stays as it was sent: numbers keep their
digits, doubled names stay doubled, escapes stay escapes.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate, islice
from operator import add
from typing import TYPE_CHECKING

from kiket_console.ui.paint.json_grammar import (
    STRING,
    VALUE,
    WHITE,
    Fault,
    after_blanks,
    comma_after,
    fault_at,
)
from kiket_console.ui.paint.text_index import STEP_LINES, TextIndex, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kiket_console.json_path import Place

DEEPEST = 126
"""What is nested deeper is shown as it was sent."""

# Which of its empty groups matches last tells what kind of line it is: 2 and 3 are values with a
# comma behind them (2 with a name, 3 without), 4 and 5 without a comma, 6 to 9 open an object or
# an array (with a name or without), 10 to 13 close one (with a comma or without).
_LINE = re.compile(
    WHITE
    + rb"(?:(?:" + STRING + WHITE + rb"(:)" + WHITE + rb")?+"
    + rb"(?:" + VALUE + WHITE + rb"(?:,(?(1)()|())|(?(1)()|()))"
    + rb"|\{(?(1)()|())|\[(?(1)()|()))"
    + rb"|\}" + WHITE + rb"(?:,()|())|\]" + WHITE + rb"(?:,()|())|([\s\S]))"
)  # fmt: skip
_NAME = re.compile(WHITE + rb"(" + STRING + rb")" + WHITE + rb":" + WHITE)
_CUT = re.compile(rb"[-+.\w]++\Z")
_NAME_ALONE = re.compile(STRING + WHITE + rb"\Z")
_ODD = 14
_BLANKS = b" \t\r\n"
_COMMA = b"\x02\x03\x0a\x0c"
_NAMED = b"\x02\x04\x06\x08"
_UNNAMED = b"\x03\x05\x07\x09"
_RUN = re.compile(rb"[\x02-\x05]*+([\x06-\x0d]|\Z)")
_BEGIN = 0
_MISFIT = re.compile(
    rb"[\x00" + _COMMA + rb"](?=[\x0a-\x0d])"  # a comma, and then nothing more
    rb"|[\x04\x05\x0b\x0d](?=[\x02-\x09])"  # no comma, and then more
)
_OBJECT, _ARRAY = 6, 8
_CLOSES = {10: _OBJECT, 11: _OBJECT, 12: _ARRAY, 13: _ARRAY}
_STEPS = bytes([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 0]).ljust(256, b"\0")
_DEPTH_STEP = (0, 2, -2)
_CODE_STEP = (0, -2, 1)


class JsonIndex(TextIndex):
    """The lines of JSON, laid out.

    *several*: one document after the other is as well. *cut_off*: the end was not kept, so that
    what is open there is no mistake.
    """

    def __init__(self, raw: bytes, *, several: bool = False, cut_off: bool = False) -> None:
        super().__init__(raw)
        self.codes = bytearray()
        self.too_deep = False
        self._several = several
        self._cut_off = cut_off
        self._open: list[int] = []
        self._last = _BEGIN

    def read(self) -> Iterator[None]:
        """Find the lines, step by step; stop at the first mistake, which is then the `problem`."""
        begin = 3 if self.raw.startswith(b"\xef\xbb\xbf") else 0
        end = len(self.raw.rstrip(_BLANKS))
        found = _LINE.finditer(self.raw, begin, max(begin, end))
        while batch := list(islice(found, STEP_LINES)):
            starts = [line.start() for line in batch]
            kinds = bytes([line.lastindex or _ODD for line in batch])
            if not self._take(starts, kinds):
                return
            yield
        self._finish()

    def depth(self, number: int) -> int:
        """Return how deep line *number* stands."""
        return self.codes[number] >> 1

    def deepest(self, first: int, after: int) -> int:
        """Return how deep the lines from *first* up to *after* are at most."""
        return max(self.codes[first:after], default=0) >> 1

    def closes(self, number: int) -> int:
        """Return the line that closes what line *number* opens.

        It is *number* itself where nothing is opened, and -1 where its end has not been found.
        """
        if not self.opens(number):
            return number
        return self.codes.find(self.codes[number] + 1, number)

    def opens(self, number: int) -> bool:
        """Return whether line *number* opens an object or an array that has lines of its own."""
        following = number + 1
        return following < len(self.codes) and self.codes[following] >> 1 > self.depth(number)

    def opened_by(self, number: int) -> int:
        """Return the line that opens what *number* closes; *number* for other lines."""
        code = self.codes[number]
        return self.codes.rfind(code - 1, 0, number) if code & 1 else number

    def parent(self, number: int) -> int:
        """Return the line that opens what line *number* stands in, -1 for an outermost one."""
        code = self.codes[number] & ~1
        return self.codes.rfind(code - 2, 0, self.opened_by(number)) if code else -1

    def items(self, number: int) -> int:
        """Return how many items or members stand in what line *number* opens."""
        end = self.closes(number)
        inner = (self.codes[number] | 1) + 1
        return self.codes.count(inner, number + 1, end if end >= 0 else len(self.codes))

    def containers(self, depth: int, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Yield what is opened at *depth* among the lines from *first* up to *last*.

        Each as the line that opens and the line that closes it.
        """
        if depth > DEEPEST:
            return
        code = 2 * depth
        begins, deeper, ends = (re.escape(bytes([each])) for each in (code, code + 2, code + 1))
        whole = re.compile(begins + rb"[" + deeper + rb"-\xff]++" + ends)
        for found in whole.finditer(self.codes, first, last):
            yield found.start(), found.end() - 1

    def text(self, number: int) -> str:
        """Return line *number* as it is laid out, less its indentation."""
        start, end = self.span(number)
        raw = self.raw[start:end]
        named = _NAME.match(raw)
        value = (raw[named.end() :] if named else raw).strip(_BLANKS)
        comma = b""
        if value.endswith(b","):
            value, comma = value[:-1].rstrip(_BLANKS), b","
        if value[:1] in (b"{", b"[") and value[1:].lstrip(_BLANKS) in (b"}", b"]"):
            value = value[:1] + value[-1:]
        laid_out = (named[1] + b": " if named else b"") + value + comma
        return laid_out.decode("utf-8", "backslashreplace")

    def position(self, number: int, offset: int) -> int:
        """Return which character of the laid out line the byte at *offset* belongs to."""
        start, end = self.span(number)
        named = _NAME.match(self.raw, start, end)
        if named is None or offset < named.end():
            begin = after_blanks(self.raw, start)
            return len(self.raw[begin:offset].decode("utf-8", "backslashreplace"))
        name = len(named[1].decode("utf-8", "backslashreplace"))
        value = self.raw[named.end() : offset].decode("utf-8", "backslashreplace")
        return name + len(": ") + len(value)

    def place(self, number: int) -> Place:
        """Return the way to the value of line *number*; of one that closes, what it closes."""
        steps: list[str | int] = []
        number = self.opened_by(number)
        while (parent := self.parent(number)) >= 0:
            start, end = self.span(number)
            named = _NAME.match(self.raw, start, end)
            if named is not None:
                steps.append(str(json.loads(named[1].decode("utf-8", "surrogateescape"))))
            else:
                steps.append(self.codes.count(self.codes[number], parent + 1, number))
            number = parent
        return tuple(reversed(steps))

    def value(self, number: int) -> bytes:
        """Return the value of line *number* as it was sent, with all that it holds."""
        number = self.opened_by(number)
        last = self.closes(number)
        start, end = self.starts[number], self.span(last if last >= 0 else self.count - 1)[1]
        raw = self.raw[start:end].strip(_BLANKS).removesuffix(b",").rstrip(_BLANKS)
        named = _NAME.match(raw)
        return raw[named.end() :] if named else raw

    def _take(self, starts: list[int], kinds: bytes) -> bool:
        """Take lines in up to the first mistake; return whether there was none."""
        wrong, fault = self._check(starts, kinds)
        rest = after_blanks(self.raw, starts[wrong]) if wrong < len(starts) else len(self.raw)
        if wrong < len(kinds):
            starts, kinds = starts[:wrong], kinds[:wrong]
        self._append(starts, kinds)
        if fault is None:
            return True
        if self._cut_off and (fault.cut_off or _CUT.match(self.raw, fault.offset)):
            self._take_rest(rest)
        else:
            self.problem = place_of(self.raw, fault.offset, fault.sentence)
        return False

    def _take_rest(self, offset: int) -> None:
        """Take in what is left of a token whose end was not kept, as it is."""
        if not self.starts or not _CUT.match(self.raw, offset - 1):  # no rest of a number
            self.codes.append(2 * len(self._open))
            self.starts.append(offset if self.starts else 0)
        self.complete = True

    def _append(self, starts: list[int], kinds: bytes) -> None:
        if not kinds:
            return
        steps = kinds.translate(_STEPS)
        depth = self.codes[-1] & ~1 if self.codes else 0
        if self._last in (6, 7, 8, 9):
            depth += 2
        after = accumulate(map(_DEPTH_STEP.__getitem__, steps), initial=depth)
        next(after)
        self.codes += bytes(map(add, after, map(_CODE_STEP.__getitem__, steps)))
        self.starts.extend(starts)
        self._last = kinds[-1]

    def _check(self, starts: list[int], kinds: bytes) -> tuple[int, Fault | None]:
        """Return which of these lines is the first that may not stand where it stands, and why."""
        wrong, fault = len(kinds), None
        odd = kinds.find(_ODD)
        if odd >= 0:
            wrong, fault = odd, fault_at(self.raw, starts[odd])
        depth = len(self._open)
        bounded = bytes([self._last]) + kinds[:wrong]
        for misfit in _MISFIT.finditer(bounded):
            at = misfit.start()
            follows = bounded[at] not in b"\x00" + _COMMA
            if self._several and follows and not self._depth_before(depth, kinds[:at]):
                continue
            wrong, fault = at, self._misfit(starts[at], bounded[at], kinds[at], depth, kinds[:at])
            break
        return self._check_nesting(starts, kinds, wrong, fault)

    def _check_nesting(
        self, starts: list[int], kinds: bytes, wrong: int, fault: Fault | None
    ) -> tuple[int, Fault | None]:
        stack = self._open
        at = 0
        for run in _RUN.finditer(kinds, 0, wrong):
            if run.start() == run.end():
                break
            lasting = run[1]
            stray = run[0][: len(run[0]) - len(lasting)]
            opening = lasting if lasting and lasting[0] < 10 else b""
            expected = _NAMED if stack and stack[-1] == _OBJECT else _UNNAMED
            if rest := (stray + opening).lstrip(expected):
                at = run.start() + len(stray + opening) - len(rest)
                return at, self._stranger(starts[at], rest[0])
            if not stack and stray and stray.strip(b"\x05"):
                at = run.start()
                comma = comma_after(self.raw, starts[at])
                return at + 1, Fault(comma, "Nothing may follow here.")
            at = run.end()
            if opening:
                if len(stack) == DEEPEST:
                    self.too_deep = True
                    sentence = f"It is nested more than {DEEPEST} levels deep."
                    return at - 1, Fault(after_blanks(self.raw, starts[at - 1]), sentence)
                stack.append(_OBJECT if opening[0] < _ARRAY else _ARRAY)
            elif lasting:
                if not stack or stack[-1] != _CLOSES[lasting[0]]:
                    return at - 1, self._unopened(starts[at - 1], stack)
                stack.pop()
                if not stack and lasting in (b"\x0a", b"\x0c"):
                    return at, Fault(
                        comma_after(self.raw, starts[at - 1]), "Nothing may follow here."
                    )
        return wrong, fault

    def _stranger(self, start: int, kind: int) -> Fault:
        offset = after_blanks(self.raw, start)
        if bytes([kind]) in _NAMED:
            where = "an array has none" if self._open else "this is outside of any"
            return Fault(offset, f"A name belongs into an object; {where}.")
        if self.raw.startswith(b'"', offset):
            ends = _NAME_ALONE.match(self.raw, offset) is not None
            return Fault(offset, "A colon and a value are missing after this name.", ends)
        return Fault(offset, "A name in double quotes is missing before this value.")

    def _unopened(self, start: int, stack: list[int]) -> Fault:
        offset = after_blanks(self.raw, start)
        sign = self.raw[offset : offset + 1].decode()
        if not stack:
            return Fault(offset, f"Nothing is open that {sign} could close.")
        opened, closes = ("{", "}") if stack[-1] == _OBJECT else ("[", "]")
        return Fault(offset, f"{sign} stands where {closes} has to close the {opened}.")

    def _misfit(self, start: int, before: int, kind: int, depth: int, earlier: bytes) -> Fault:
        offset = after_blanks(self.raw, start)
        if bytes([before]) in b"\x00" + _COMMA:
            if before == _BEGIN:
                return self._unopened(start, [])
            return Fault(
                self.raw.rfind(b",", 0, offset), "Nothing follows this comma; it is one too many."
            )
        if start and kind in (3, 5) and self.raw[start - 1 : start + 1].isdigit():
            return Fault(offset - 1, "A number does not begin with 0.")
        if not self._depth_before(depth, earlier):
            return Fault(offset, "Nothing may follow here, after the end of the document.")
        return Fault(offset, "A comma is missing before this.")

    @staticmethod
    def _depth_before(depth: int, kinds: bytes) -> int:
        steps = kinds.translate(_STEPS)
        return depth + steps.count(1) - steps.count(2)

    def _finish(self) -> None:
        """Take in the end of the text."""
        self.complete = True
        if self._cut_off:
            return
        end = len(self.raw)
        if not self.codes:
            self.problem = place_of(self.raw, end, "There is nothing here.")
        elif self._open:
            line = self.codes.rfind(2 * len(self._open) - 2)
            opened = place_of(self.raw, after_blanks(self.raw, self.starts[line]), "")
            sign = "{" if self._open[-1] == _OBJECT else "["
            sentence = f"It ends too early: the {sign} of line {opened.line} is never closed."
            self.problem = place_of(self.raw, end, sentence)
        elif bytes([self._last]) in _COMMA:
            self.problem = place_of(self.raw, end, "Nothing follows the last comma.")
