"""The shape of a filter's text: what is combined with what, and where each part stands."""

from __future__ import annotations

from typing import Final, TypeAlias

from msgspec import Struct

DEEPEST: Final = 60
"""So deep may parts be nested; deeper ones could not be asked of the store."""


class Word(Struct, frozen=True):
    """A piece of the filter; `text` is what it stands for, without quotes."""

    text: str
    column: int
    length: int
    quoted: bool = False


class Part(Struct, frozen=True):
    """One test as it is written: `kind` names the terminal that it begins with.

    `operator` is empty when nothing is compared.
    """

    kind: str
    name: Word
    operator: str
    value: Word | None
    start: int
    end: int
    depth: int = 1
    bracketed: bool = False


class Negation(Struct, frozen=True):
    """What must not be so."""

    child: Node
    start: int
    end: int
    depth: int
    bracketed: bool = False


class Combination(Struct, frozen=True):
    """Parts that must all be so, or (`either`) at least one of them.

    `implicit` when some of them stand side by side without AND.
    """

    either: bool
    children: tuple[Node, ...]
    implicit: bool
    start: int
    end: int
    depth: int
    bracketed: bool = False


Node: TypeAlias = Part | Negation | Combination


def reading(text: str, node: Node | None) -> str:
    """Return how *text* was read, with brackets, when OR meets an AND that nobody wrote.

    Empty when nothing can be misread.
    """
    return _shown(text, node, outermost=True) if node is not None and _is_mixed(node) else ""


def regrouped(text: str, node: Node | None) -> str:
    """Return *text* with its outermost OR and AND bound the other way round.

    `a OR b c` and `a OR (b c)` become `(a OR b) c`, and that becomes `a OR (b c)`. A text without
    both is returned as it is.
    """
    if not isinstance(node, Combination):
        return text
    if not any(isinstance(each, Combination) for each in node.children):
        return text
    groups: list[list[Node]] = [[]]
    for child in node.children:
        inner = child if isinstance(child, Combination) else None
        first, *others = inner.children if inner and inner.either != node.either else (child,)
        groups[-1].append(first)
        groups += [[other] for other in others]
    return _joined(text, groups, inner_either=node.either)


def _joined(text: str, groups: list[list[Node]], *, inner_either: bool) -> str:
    inner, outer = (" OR ", " ") if inner_either else (" ", " OR ")
    written = []
    for group in groups:
        parts = [_shown(text, each) for each in group]
        written.append(parts[0] if len(parts) == 1 else f"({inner.join(parts)})")
    return outer.join(written)


def _is_mixed(node: Node) -> bool:
    if isinstance(node, Negation):
        return _is_mixed(node.child)
    if isinstance(node, Part):
        return False
    mixed = node.either and any(
        isinstance(each, Combination) and each.implicit and not each.bracketed
        for each in node.children
    )
    return mixed or any(_is_mixed(each) for each in node.children)


def _shown(text: str, node: Node, *, outermost: bool = False) -> str:
    if isinstance(node, Part):
        return text[node.start : node.end]
    if isinstance(node, Negation):
        word = text[node.start : node.child.start]
        return f"{word}{_shown(text, node.child)}{')' if node.bracketed else ''}"
    joiner = " OR " if node.either else " AND "
    joined = joiner.join(_shown(text, each) for each in node.children)
    return joined if outermost else f"({joined})"
