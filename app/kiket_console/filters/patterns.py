"""How one text is compared: as a glob, exactly, or with a regular expression.

Case is that of English letters, because that is what SQLite folds: both sides of a comparison
fold the same way. Regular expressions run on RE2, in time linear in what they look at.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

    from kiket_console.filters.query import Query

LOOKED_AT: Final = 8 * 1024 * 1024
"""So many bytes of a text a regular expression sees."""
_VARYING: Final = 3
"""Of so many letters beyond English both cases are tried in each combination."""


class Pattern(Protocol):
    """A way to compare texts."""

    def sql(self, query: Query, text: str) -> str:
        """Return a condition on *text*, an expression of SQL; NULL only where that is NULL."""
        ...

    def fits(self, text: str) -> bool:
        """Whether *text* is what is wanted."""
        ...


def folded(text: str) -> str:
    """Return *text* with its English letters in lower case, as SQLite's `lower` does."""
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


class Exactly(Struct, frozen=True):
    """The text itself, or (`fold`) in any case."""

    text: str
    fold: bool = False

    def sql(self, query: Query, text: str) -> str:
        """Return an equality."""
        if self.fold:
            return f"{text} = {query.bind(self.text)} COLLATE NOCASE"
        return f"{text} = {query.bind(self.text)}"

    def fits(self, text: str) -> bool:
        """Whether *text* is the same."""
        return folded(text) == folded(self.text) if self.fold else text == self.text


class Glob(Struct, frozen=True):
    """A text with `*` for anything, in any case."""

    text: str

    def sql(self, query: Query, text: str) -> str:
        """Return a LIKE, or an equality, which takes less, where it says the same."""
        if "*" not in self.text:
            return f"{text} = {query.bind(self.text)} COLLATE NOCASE"
        escaped = re.sub(r"([\\%_])", r"\\\1", self.text).replace("*", "%")
        return f"{text} LIKE {query.bind(escaped)} ESCAPE '\\'"

    def fits(self, text: str) -> bool:
        """Whether *text* fits, each piece being taken where it is found first."""
        pieces = folded(self.text).split("*")
        if len(pieces) == 1:
            return folded(text) == pieces[0]
        whole = folded(text.partition("\0")[0])  # where LIKE stops
        first, last = pieces[0], pieces[-1]
        if not whole.startswith(first):
            return False
        at = len(first)
        for piece in pieces[1:-1]:
            found = whole.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
        return len(whole) - len(last) >= at and whole.endswith(last)


class Containing(Struct, frozen=True):
    """A text with another in it, in any case."""

    text: str

    def sql(self, query: Query, text: str) -> str:
        """Return a search."""
        return found_in(query, text, needles(self.text))

    def fits(self, text: str) -> bool:
        """Whether the text is found."""
        whole = folded(text)
        return any(each in whole for each in needles(self.text))


class Present(Struct, frozen=True):
    """Any text that is not empty."""

    def sql(self, query: Query, text: str) -> str:
        """Return that there is something."""
        del query
        return f"{text} <> ''"

    def fits(self, text: str) -> bool:
        """Whether there is something."""
        return text != ""


class Expression(Struct, frozen=True):
    """A regular expression; `search` is bound to what RE2 has compiled."""

    pattern: str
    search: Callable[[bytes], bool]

    def sql(self, query: Query, text: str) -> str:
        """Return a call of our function."""
        return f"{query.function(self.finds)}(CAST({text} AS BLOB))"

    def finds(self, raw: bytes | None) -> bool:
        """Whether it is found in *raw* bytes."""
        return raw is not None and self.search(raw[:LOOKED_AT])

    def fits(self, text: str) -> bool:
        """Whether it is found."""
        return self.finds(text.encode("utf-8", "replace"))


def literal(pattern: Pattern) -> str:
    """Return a text that is in each text that fits *pattern*, in some case; or an empty one."""
    if isinstance(pattern, Glob):
        return max(pattern.text.split("*"), key=len)
    return pattern.text if isinstance(pattern, Exactly | Containing) else ""


@functools.lru_cache(maxsize=64)
def expression(pattern: str, flags: str = "") -> Expression:
    """Return the regular expression *pattern*, with the *flags* `i`, `s` and `x`.

    Raises `ValueError` with RE2's own words when it cannot be understood, or RE2 is missing.
    """
    try:
        import re2  # type: ignore[import-untyped]  # it ships no types
    except ImportError:
        raise ValueError(
            "regular expressions need the package google-re2, which is not installed"
        ) from None
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.case_sensitive = "i" not in flags
    options.dot_nl = "s" in flags
    try:
        compiled = re2.compile(_without_blanks(pattern) if "x" in flags else pattern, options)
    except re2.error as error:
        said: Any = error.args[0] if error.args else ""
        raise ValueError(said.decode() if isinstance(said, bytes) else str(said)) from None

    def search(raw: bytes) -> bool:
        return compiled.search(raw) is not None

    return Expression(pattern, search)


def _without_blanks(pattern: str) -> str:
    """Return a spread-out pattern without what is only there to be read (the flag `x`)."""
    return re.sub(
        r"(\\.|\[\^?\]?(?:\\.|[^\]\\])*\])|\s+|#.*",
        lambda found: found[1] or "",
        pattern,
        flags=re.DOTALL,
    )


@functools.lru_cache(maxsize=256)
def needles(text: str) -> tuple[str, ...]:
    """Return the texts one of which is in a folded text that has *text* in it, in any case."""
    plain = folded(text)
    letters = [at for at, each in enumerate(plain) if not each.isascii() and each.isalpha()]
    if not letters:
        return (plain,)
    if len(letters) > _VARYING:
        return tuple(dict.fromkeys((plain, folded(text.lower()), folded(text.upper()))))
    cases = [dict.fromkeys((plain[at], plain[at].lower(), plain[at].upper())) for at in letters]
    found = []
    for choice in itertools.product(*cases):
        pieces, last = [], 0
        for at, letter in zip(letters, choice, strict=True):
            pieces += [plain[last:at], letter]
            last = at + 1
        found.append(folded("".join(pieces) + plain[last:]))
    return tuple(dict.fromkeys(found))


def found_in(query: Query, text: str, wanted: tuple[str, ...]) -> str:
    """Return that one of the folded texts *wanted* is in *text*, an expression of SQL."""
    if len(wanted) == 1:
        return f"instr(lower({text}), {query.bind(wanted[0])})"
    raw_wanted = [each.encode() for each in wanted]

    def finds(raw: bytes | None) -> bool:
        if raw is None:
            return False
        lower = raw.lower()
        return any(each in lower for each in raw_wanted)

    return f"{query.function(finds)}(CAST({text} AS BLOB))"  # folds once, whatever is sought


@functools.lru_cache(maxsize=256)
def body_needles(text: str) -> tuple[str, ...]:
    """Return the texts one of which is in a folded body: also as JSON may have written them."""
    found: dict[str, None] = {}
    for each in needles(text):
        found[each] = None
        for ascii_only in (False, True):
            found[folded(json.dumps(each, ensure_ascii=ascii_only)[1:-1])] = None
        found[each.replace("/", "\\/")] = None
    return tuple(found)
