"""One file under examination: its values, each knowing where it stands, and what was found."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import yaml

from kiket_sdk._manifest_source import Edit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kiket_sdk._manifest_source import Finding, Keys, Severity, Source

MOST = 500
"""Findings of one file; more of them help nobody."""


class EnoughError(Exception):
    """There are as many findings as anybody will read."""


class Report:
    """What is found in one file, in the order in which it is found."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.findings: list[Finding] = []

    @property
    def root(self) -> Part:
        """Return the whole file's value."""
        return Part(self, self.source.content, ())

    def add(
        self, severity: Severity, keys: Keys, message: str, rule: str, edit: Edit | None = None
    ) -> None:
        """Take note of something; raises EnoughError when the file is given up."""
        if len(self.findings) >= MOST:
            raise EnoughError
        self.findings.append(self.source.finding(severity, keys, message, rule, edit))


class Part:
    """A value of the file, be it a missing one; what it tells goes into the report."""

    __slots__ = ("_report", "keys", "value")

    def __init__(self, report: Report, value: Any, keys: Keys) -> None:
        self._report = report
        self.value = value
        self.keys = keys

    def __bool__(self) -> bool:
        """Whether anything is there; `key:` without a value counts as nothing."""
        return self.value is not None

    def __getitem__(self, key: Any) -> Part:
        """Return the value of a key or a position; a missing one is a part that is nothing.

        What is no mapping has told so, or will: its members tell nobody that they are missing.
        """
        if isinstance(self.value, dict):
            return Part(self._report, self.value.get(key), (*self.keys, key))
        if isinstance(self.value, list) and isinstance(key, int):
            return Part(self._report, self.value[key], (*self.keys, key))
        report = self._report if self.value is None else Report(self._report.source)
        return Part(report, None, (*self.keys, key))

    # What is told

    def error(self, message: str, rule: str, edit: Edit | None = None) -> None:
        """Tell what keeps the extension from working."""
        self._report.add("error", self.keys, message, rule, edit)

    def warn(self, message: str, rule: str, edit: Edit | None = None) -> None:
        """Tell what works, and may not be meant."""
        self._report.add("warning", self.keys, message, rule, edit)

    # What is expected: each returns nothing, and has told why, where it is something else

    def mapping(self, example: str = "") -> Part:
        """Return itself, and tell when it is something else than a mapping."""
        if self.value is not None and not isinstance(self.value, dict):
            self.error(f"is no mapping{_such_as(example)}.", "shape")
        return self

    def members(self, example: str = "") -> Iterator[tuple[str, Part]]:
        """Yield a mapping's names and values."""
        self.mapping(example)
        for name in self.value if isinstance(self.value, dict) else ():
            member = self[name]
            if isinstance(name, str) and name:
                yield name, member
            else:
                member.error("is no name; put it in quotes.", "shape", member.quoted_key())

    def items(self, example: str = "") -> list[Part]:
        """Return a list's items."""
        if not isinstance(self.value, list):
            if self:
                self.error(f"is no list{_such_as(example)}.", "shape")
            return []
        found = [Part(self._report, each, (*self.keys, i)) for i, each in enumerate(self.value)]
        for each in found:
            if not each:
                each.error("is empty; fill it in or remove it.", "shape")
        return [each for each in found if each]

    def text(self, *, required: str = "") -> str:
        """Return a text; a missing one is an error where *required* says what to write."""
        if isinstance(self.value, str) and self.value.strip():
            return self.value
        if self.value is None or self.value == "":
            if required:
                self.error(f"is missing; {required}.", "required")
        elif isinstance(self.value, dict | list):
            self.error("is no text; write one, in quotes.", "shape")
        elif isinstance(self.value, str):
            self.error("is blank; write a text.", "shape")
        else:
            self.error("is read as no text; put it in quotes.", "shape", self.quoted())
        return ""

    def texts(self, example: str = "") -> list[Part]:
        """Return the items of a list of texts."""
        return [each for each in self.items(example) if each.text(required="write a text")]

    def word(self, allowed: Sequence[str], *, noun: str, rule: str) -> str:
        """Return one of a few words."""
        said = self.text()
        if said and said not in allowed:
            near = nearest(said.lower(), allowed)
            meant = f'; did you mean "{near}"?' if near else f"; use {_either(allowed)}."
            edit = self.rewritten(near) if _is_same(said, near) else None
            self.error(f'"{said}" is no {noun}{meant}', rule, edit)
            return ""
        return said

    def flag(self) -> bool | None:
        """Return true or false."""
        if isinstance(self.value, bool) or self.value is None:
            return self.value
        said = str(self.value).strip().lower()
        edit = self.rewritten(said) if said in {"true", "false"} else None
        self.error("is neither true nor false; write one of them, without quotes.", "shape", edit)
        return None

    def number(self, least: int | None = None, most: int | None = None) -> int | None:
        """Return a whole number within bounds."""
        if self.value is None:
            return None
        if type(self.value) is not int:
            text = self.value.strip() if isinstance(self.value, str) else ""
            edit = self.rewritten(text) if text.isdecimal() and text.isascii() else None
            self.error("is no whole number; write one, without quotes.", "shape", edit)
            return None
        if (least is not None and self.value < least) or (most is not None and self.value > most):
            said = f"{least} to {most}" if most is not None else f"{least} or more"
            self.error(f"is {self.value}; it has to be {said}.", "range")
            return None
        return self.value

    def url(self, *, rule: str = "url") -> str:
        """Return an address on the web."""
        said = self.text()
        if said and not is_url(said):
            self.error(f'"{said}" is no address; start it with https://.', rule)
            return ""
        return said

    def only(self, known: Iterable[str], *, of: str) -> None:
        """Warn about members that nothing reads."""
        names = list(known)
        for name in self.value if isinstance(self.value, dict) else ():
            if isinstance(name, str) and name not in names:
                member = self[name]
                near = nearest(name, names)
                meant = f'; did you mean "{near}"?' if near else "; nothing reads it."
                edit = member.renamed(near) if _is_same(name, near) and not self[near] else None
                member.warn(f"is no key of {of}{meant}", "unknown-key", edit)

    # What would correct it

    def rewritten(self, text: str) -> Edit | None:
        """Return the edit that writes *text* in the place of a plain or quoted scalar."""
        node = self._report.source.node(self.keys)
        is_simple = isinstance(node, yaml.ScalarNode) and node.style in (None, "", "'", '"')
        return self._replaced(node, text) if is_simple else None

    def quoted(self) -> Edit | None:
        """Return the edit that puts a plain scalar in quotes, as it is written."""
        return self._in_quotes(self._report.source.node(self.keys))

    def quoted_key(self) -> Edit | None:
        """Return the edit that puts the value's key in quotes."""
        return self._in_quotes(self._key_node())

    def renamed(self, name: str) -> Edit | None:
        """Return the edit that gives the value another key."""
        node = self._key_node()
        return self._replaced(node, name) if _is_plain(node) else None

    def inserted(self, text: str, *, after: int = 0) -> Edit | None:
        """Return the edit that gives a missing key a line, behind the first *after* lines."""
        parent = self._report.source.node(self.keys[:-1])
        if not isinstance(parent, yaml.MappingNode) or parent.flow_style or not parent.value:
            return None
        first = parent.value[min(after, len(parent.value) - 1)][0].start_mark
        end = "\r\n" if b"\r\n" in self._report.source.raw_text else "\n"
        line = f"{self.keys[-1]}: {text}{end}{' ' * first.column}"
        return Edit(first.index, first.index, line)

    def _in_quotes(self, node: yaml.Node | None) -> Edit | None:
        return self._replaced(node, f'"{node.value}"') if node and _is_plain(node) else None

    def _replaced(self, node: yaml.Node | None, text: str) -> Edit | None:
        """Return the edit that writes *text* for a node; one that is referred to is kept."""
        if node is None or self._report.source.written(node)[:1] in ("", "&", "!"):
            return None
        return Edit(node.start_mark.index, node.end_mark.index, text)

    def _key_node(self) -> yaml.Node | None:
        return self._report.source.key_node(self.keys)


def is_url(text: str) -> bool:
    """Tell whether a text is an address on the web, and nothing more."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and " " not in text
    except ValueError:
        return False


def nearest(word: str, known: Iterable[str]) -> str:
    """Return what a person may have meant by *word*, or nothing."""
    names = list(known)
    begun = [name for name in names if len(word) > 2 and name.startswith(word)]
    close = get_close_matches(word[:100], names, n=1, cutoff=0.75)
    return next(iter(close or (begun if len(begun) == 1 else [])), "")


def _is_same(word: str, other: str) -> bool:
    """Tell whether two words are one but for case and what joins their parts."""
    return _joined(word) == _joined(other)


def _joined(word: str) -> str:
    return "".join(sign for sign in word.casefold() if sign.isalnum())


def _such_as(example: str) -> str:
    return f"; write it as {example}" if example else ""


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def _is_plain(node: yaml.Node | None) -> bool:
    """Tell whether a scalar is written without quotes, in one line that quotes can be put round."""
    return (
        isinstance(node, yaml.ScalarNode)
        and not node.style
        and not set('"\\\n') & set(node.value)
        and node.start_mark.line == node.end_mark.line
        and node.end_mark.index > node.start_mark.index
    )
