"""The grammar of filters, and a sentence for each text that does not follow it.

What a text means is not decided here: the parser returns `syntax` nodes, which hold the words and
where they stand. Lark is imported when the first filter is read.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec.structs import replace

from kiket_console.filters.error import FilterError
from kiket_console.filters.syntax import DEEPEST, Combination, Negation, Node, Part, Word
from kiket_console.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lark import Lark, Token

MOST_CHARACTERS: Final = 10_000
MOST_PARTS: Final = 100
"""So many tests has a filter, with those that it uses; SQLite takes no conditions without end."""

_QUOTED = r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'"""
_CHARACTER = r"""[^\s()"']"""
_OPENED = r"""(?<![^\s()"'])"""
_CLOSED = r"(?=[\s)]|$)"
_COMPARISON = r":(?:>=|<=|!=|>|<)?|!=|>=|<=|[=<>]"


def _brackets(depth: int) -> str:
    """Return the pattern of a group of a regular expression, with groups in it."""
    inner = "" if depth == 0 else f"|{_brackets(depth - 1)}"
    return rf"\((?:\\[^\s]|[^\s()\\]{inner})*\)"


GRAMMAR: Final = r"""
start: either?
either: every (OR every)*
every: unary (AND? unary)*
?unary: NOT unary        -> negation
      | primary
?primary: LBRACKET either RBRACKET  -> bracketed
        | SELECTOR                  -> bare
        | REGEX                     -> bare
        | (STRING | WORD)           -> bare
        | FIELD (OPERATOR VALUE | TILDE PATTERN)      -> test
        | HEADER [OPERATOR VALUE | TILDE PATTERN]     -> test
        | JSON [FREE_OPERATOR VALUE | FREE_TILDE PATTERN] -> test

LBRACKET: "("
RBRACKET: ")"
OR.9: /{opened}(?:OR(?=[\s()]|$)|\|\|?)/
AND.9: /{opened}(?:AND(?=[\s()]|$)|&&?)/
NOT.9: /NOT(?=[\s()]|$)|!(?![=~])|-(?=[^\s)])/
SELECTOR.8: /@[A-Za-z0-9_][A-Za-z0-9_-]*{closed}/
JSON.8: /(?:req|resp)?\$(?=[.\[\s)(:=!~<>]|$)(?:\[(?:{quoted}|[^\]\s"'])*\]?|[^\s()\[\]"':=!~<>,])*/
HEADER.8: /(?:h|reqh|resph)\.[A-Za-z0-9_-][A-Za-z0-9_.-]*(?=[:=~<>]|![=~]|[\s)]|$)/
FIELD.8: /(?i:{fields})(?=[:=~<>]|![=~])/
OPERATOR.7: /(?<=[\w.-])(?:{comparison})/
TILDE.7: /(?<=[\w.-])!?~/
FREE_OPERATOR.7: /\s*(?:{comparison})\s*/
FREE_TILDE.7: /\s*!?~\s*/
REGEX.7: /\/(?:\\.|[^\/\\])+\/[isx]*{closed}/
VALUE.6: /(?:{quoted}|{character})+/
PATTERN.6: /{quoted}|(?:\\[^\s]|[^\s()"'\\]|{brackets})+/
STRING.6: /{quoted}/
WORD: /(?!(?:OR|AND|NOT|\|\|?|&&?)(?=[\s()]|$)){character}+/
%ignore /\s+/
"""


def parse(text: str, fields: tuple[str, ...] = ()) -> Node | None:
    """Return the shape of a filter's *text*, or None when it is blank; raises `FilterError`.

    *fields* are the names of the fields that there are, if not those of exchanges.
    """
    _refuse_what_cannot_be_asked(text)
    import lark

    try:
        node = cast("Node | None", _parser(fields).parse(text))
    except lark.exceptions.UnexpectedInput as error:
        raise _explained(text, error) from None
    if node is not None:
        _refuse_too_many(node)
    return node


def unquoted(text: str) -> str:
    """Return what is in quotes; a backslash takes the meaning of a quote or backslash after it."""
    return re.sub(r"""\\(["'\\])""", r"\1", text[1:-1])


def _refuse_what_cannot_be_asked(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise FilterError(
            f"A filter has at most {MOST_CHARACTERS:,} characters; this one has {len(text):,}.",
            MOST_CHARACTERS,
            length=len(text) - MOST_CHARACTERS,
        )
    bad = re.search("[\0\ud800-\udfff]", text)
    if bad:
        raise FilterError(
            f"The character in column {bad.start() + 1} (U+{ord(bad[0]):04X}) cannot be part of a "
            "filter.",
            bad.start(),
        )


def _refuse_too_many(node: Node) -> None:
    waiting, parts = [node], 0
    while waiting:
        each = waiting.pop()
        if isinstance(each, Part):
            parts += 1
            if parts > MOST_PARTS:
                raise FilterError(
                    f"A filter has at most {MOST_PARTS} tests.",
                    each.start,
                    length=each.end - each.start,
                )
        elif isinstance(each, Negation):
            waiting.append(each.child)
        else:
            waiting.extend(reversed(each.children))


@functools.cache
def _parser(fields: tuple[str, ...]) -> Lark:
    import lark

    from kiket_console.filters.fields import NAMES

    names = "|".join(re.escape(name) for name in sorted(fields or NAMES, key=len, reverse=True))
    terminals = {
        "opened": _OPENED,
        "closed": _CLOSED,
        "quoted": _QUOTED,
        "character": _CHARACTER,
        "comparison": _COMPARISON,
        "brackets": _brackets(3),
        "fields": names,
    }
    grammar = GRAMMAR
    for name, pattern in terminals.items():
        grammar = grammar.replace("{" + name + "}", pattern)
    return lark.Lark(
        grammar, parser="lalr", lexer="contextual", transformer=_Shaper(), maybe_placeholders=False
    )


class _Shaper:
    """Makes nodes while the parser reads: without recursion, however deep brackets go."""

    def start(self, children: list[Node]) -> Node | None:
        return children[0] if children else None

    def either(self, children: list[Node | Token]) -> Node:
        return _combined(children, either=True)

    def every(self, children: list[Node | Token]) -> Node:
        return _combined(children, either=False)

    def negation(self, children: list[Any]) -> Node:
        word, child = children
        depth = _checked(child.depth + 1, word.start_pos)
        return Negation(child, word.start_pos, child.end, depth)

    def bracketed(self, children: list[Any]) -> Node:
        opening, node, closing = children
        depth = _checked(node.depth + 1, opening.start_pos)
        shaped: Node = replace(
            node, start=opening.start_pos, end=closing.end_pos, depth=depth, bracketed=True
        )
        return shaped

    def bare(self, children: list[Token]) -> Node:
        (token,) = children
        return Part(token.type, _word(token), "", None, _start(token), _end(token))

    def test(self, children: list[Token]) -> Node:
        name = children[0]
        if len(children) == 1:
            return Part(name.type, _word(name), "", None, _start(name), _end(name))
        _, operator, value = children
        if "FREE" not in operator.type and _end(operator) != _start(value):
            raise _no_value(str(name), str(operator), _end(operator))
        kind = name.type
        return Part(kind, _word(name), operator.strip(), _word(value), _start(name), _end(value))


def _combined(children: Iterable[Node | Token], *, either: bool) -> Node:
    nodes: list[Node] = []
    words = 0
    for child in children:
        if isinstance(child, Part | Negation | Combination):
            nodes.append(child)
        else:
            words += 1
    if len(nodes) == 1:
        return nodes[0]
    depth = _checked(max(node.depth for node in nodes) + 1, nodes[0].start)
    implicit = words < len(nodes) - 1
    return Combination(either, tuple(nodes), implicit, nodes[0].start, nodes[-1].end, depth)


def _checked(depth: int, column: int) -> int:
    if depth > DEEPEST:
        raise FilterError(
            f"The brackets in column {column + 1} are nested deeper than {DEEPEST} levels.", column
        )
    return depth


def _word(token: Token) -> Word:
    quoted = token.type in {"STRING", "PATTERN"} and token[0] in "\"'" and len(token) > 1
    text = unquoted(token) if quoted and token.type == "STRING" else str(token)
    return Word(text, _start(token), len(token), quoted)


def _start(token: Token) -> int:
    assert token.start_pos is not None  # noqa: S101 - each token of a text has a place
    return token.start_pos


def _end(token: Token) -> int:
    return _start(token) + len(token)


def _no_value(name: str, operator: str, column: int) -> FilterError:
    from kiket_console.filters.fields import example

    return FilterError(
        f"A value is missing after {name}{operator} in column {column + 1}.",
        column,
        length=0,
        hint=example(name),
    )


_OPERATED: Final = re.compile(rf"""{_OPENED}([^\s()"']*?)\s*({_COMPARISON}|!?~)\s*\Z""")
_JOINED: Final = re.compile(r"(?:^|[\s()])(OR|AND|NOT|\|\|?|&&?|!)\s*\Z")


def _explained(text: str, error: Any) -> FilterError:
    """Return what is wrong where the parser could not go on."""
    token = getattr(error, "token", None)
    at = error.pos_in_stream if token is None else _start(token)
    if token is not None and token.type == "$END":
        at = len(text)
    before, rest = text[:at], text[at:]
    if rest[:1] in {'"', "'"} and not re.match(_QUOTED, rest):
        return FilterError(
            f"The quote in column {at + 1} is not closed.",
            at,
            length=len(rest),
            suggestion=rest + rest[0],
        )
    compared = _OPERATED.search(before)
    if compared and compared[1]:
        return _no_value(compared[1], compared[2], compared.end(2))
    joined = _JOINED.search(before)
    if joined and (not rest or rest[0] == ")"):
        return FilterError(
            f"Something is missing after {joined[1]} in column {joined.start(1) + 1}.",
            joined.start(1),
            length=len(joined[1]),
            hint=_as_text(joined[1]),
        )
    opened = _unclosed(before)
    if rest[:1] == ")":
        if opened is None:
            return FilterError(f"Nothing is open that the bracket in column {at + 1} closes.", at)
        return FilterError(f"There is nothing in the brackets from column {opened + 1} on.", opened)
    if not rest and opened is not None:
        return FilterError(f"The bracket in column {opened + 1} is not closed.", opened)
    word = re.match(r"[^\s()]+", rest)
    if word is not None:
        return FilterError(
            f"Something is missing before {visible(word[0][:20])} in column {at + 1}.",
            at,
            length=word.end(),
            hint=_as_text(visible(word[0][:20])),
        )
    return FilterError(f"The filter cannot be read in column {at + 1}.", at)


def _as_text(word: str) -> str:
    return f'To search for the text itself, write "{word}" in quotes.'


def _unclosed(text: str) -> int | None:
    """Return where the last bracket stands that *text* opens and does not close."""
    opened: list[int] = []
    for found in re.finditer(f"{_QUOTED}|[()]", text):
        if found[0] == "(":
            opened.append(found.start())
        elif found[0] == ")" and opened:
            opened.pop()
    return opened[-1] if opened else None
