"""Read a YAML file whole, and know on which line each of its values stands.

Values come from the fast parser; lines are worked out only when somebody asks for one.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import yaml

from kiket_sdk.exceptions import KiketSDKError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANIFEST_LIMIT_BYTES = 1024 * 1024
_NESTING_LIMIT = 500
"""How deep values may be nested: the fast parser recurses, and would crash some way beyond."""
_MISTAGGED = (AttributeError, IndexError, KeyError)
"""What the parser raises for tags such as `!!timestamp` on what is none."""
_early: dict[bytes, Any] = {}
"""What was parsed early, by its text; given out once, because whoever has it may change it."""
_NOT_EARLY = object()

Keys: TypeAlias = tuple[Any, ...]
"""Where a value is: the keys and list positions that lead to it."""

Severity: TypeAlias = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Edit:
    """A correction of a file: what stands between two characters gives way to `text`."""

    start: int
    """Characters before it, from 0."""
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or questionable, in a manifest or module schema."""

    severity: Severity
    path: Path
    line: int
    """From 1; 0 when it is about the whole file."""
    column: int
    """From 1; 0 when it is about the whole file."""
    key: str
    """As `extension.callback.timeout` or `tables.pages.columns[2].type`."""
    message: str
    """What is wrong and what to do about it, in one sentence."""
    rule: str = ""
    """The name of the rule that found it, as `delivery-kind`."""
    edit: Edit | None = None
    """What corrects it; None where only a person can."""

    @property
    def place(self) -> str:
        """Return `file:line:column`, as compilers write it; the file alone without a line."""
        return f"{self.path}:{self.line}:{self.column}" if self.line else str(self.path)

    def __str__(self) -> str:
        if not (self.line or self.key):
            return f"{self.path} {self.message}"
        return ": ".join(filter(None, (self.place, self.key, self.message)))


class ManifestError(KiketSDKError, ValueError):
    """A manifest or module schema that cannot be used; the text names file, line and key."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding

    @property
    def line(self) -> int:
        """Return the line to correct, from 1; 0 when it is about the whole file."""
        return self.finding.line

    @property
    def key(self) -> str:
        """Return what is wrong, as `callback.timeout`; empty when it is no single value."""
        return self.finding.key


class Source:
    """A YAML file: what it says, and where it says it.

    Raises ManifestError when the file cannot be read, or is no YAML.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.raw_text = _bounded(path)
        self._entries: dict[int, dict[tuple[type, Any], tuple[yaml.Node, yaml.Node]]] = {}
        early = _early.pop(self.raw_text, _NOT_EARLY)
        self.content: Any = _content(path, self.raw_text) if early is _NOT_EARLY else early
        """What the file says: mappings, lists and scalars; None when it is empty."""

    @cached_property
    def root(self) -> yaml.Node | None:
        """Return the tree of nodes, each with its marks; None for an empty file."""
        return _composed(self.raw_text)

    def place(self, keys: Keys) -> tuple[int, int]:
        """Return line and column, from 1, of a value's key or, if it is missing, of its parent."""
        node, mark = self.root, None
        for key in keys:
            entry = self._entry(node, key)
            if entry is None:
                break
            where, node = entry
            mark = where.start_mark
        return (mark.line + 1, mark.column + 1) if mark else (1, 1)

    def node(self, keys: Keys) -> yaml.Node | None:
        """Return the node of the value at `keys`, None when there is none."""
        node = self.root
        for key in keys:
            entry = self._entry(node, key)
            if entry is None:
                return None
            node = entry[1]
        return node

    def key_node(self, keys: Keys) -> yaml.Node | None:
        """Return the node of the last key itself, None when there is none."""
        entry = self._entry(self.node(keys[:-1]), keys[-1])
        return entry[0] if entry else None

    def _entry(self, node: yaml.Node | None, key: Any) -> tuple[yaml.Node, yaml.Node] | None:
        """Return (the node that carries the mark, the value's node) of one key or position."""
        if isinstance(node, yaml.SequenceNode):
            if isinstance(key, int) and 0 <= key < len(node.value):
                return node.value[key], node.value[key]
            return None
        if not isinstance(node, yaml.MappingNode):
            return None
        found = self._entries.get(id(node))  # nodes live as long as the source
        if found is None:  # of two equal keys the last one counts
            found = {(type(key), key): (k, v) for k, v in entries(node) for key in [scalar(k)]}
            self._entries[id(node)] = found
        return found.get((type(key), key))

    def written(self, node: yaml.Node) -> str:
        """Return a node as it is written, its anchor and tag too; empty when that is not known."""
        try:
            text = self.raw_text.decode()
        except UnicodeDecodeError:  # UTF-16, which YAML allows
            return ""
        return text[node.start_mark.index : node.end_mark.index]

    def finding(
        self,
        severity: Severity,
        keys: Keys,
        message: str,
        rule: str = "",
        edit: Edit | None = None,
    ) -> Finding:
        """Return a finding about the value at `keys`."""
        line, column = self.place(keys) if keys else (0, 0)
        return Finding(severity, self.path, line, column, spelled(keys), message, rule, edit)

    def error(self, keys: Keys, message: str) -> ManifestError:
        """Return the error to raise for the value at `keys`."""
        return ManifestError(self.finding("error", keys, message))


def parse_early(path: Path) -> None:
    """Parse a file that is about to be read; raises ManifestError."""
    raw_text = _bounded(path)
    _early[raw_text] = _content(path, raw_text)


def spelled(keys: Keys) -> str:
    """Return keys as a person writes them: `hooks[2].event`; the null key is `null`."""
    spelling = ""
    for key in keys:
        if isinstance(key, int) and not isinstance(key, bool):
            spelling += f"[{key}]"
        else:
            name = "null" if key is None else str(key)
            spelling += f".{name}" if spelling else name
    return spelling


def unusable(path: Path, message: str, line: int = 0, column: int = 0) -> ManifestError:
    """Return the error for a file that is no YAML, or cannot be read at all."""
    return ManifestError(Finding("error", path, line, column, "", message, "yaml"))


def _bounded(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw_text = file.read(MANIFEST_LIMIT_BYTES + 1)
    except OSError as exc:
        raise unusable(path, f"cannot be opened ({exc.strerror}); make it readable.") from exc
    if len(raw_text) > MANIFEST_LIMIT_BYTES:
        raise unusable(
            path,
            f"is larger than {MANIFEST_LIMIT_BYTES} bytes; "
            "keep data that long in files of its own.",
        )
    return raw_text


def _content(path: Path, raw_text: bytes) -> Any:
    try:
        return _parsed(raw_text)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        said = f"{exc.problem or exc.context}; correct that line and save."
        raise unusable(path, said, line, column) from exc
    except yaml.reader.ReaderError as exc:
        line = raw_text.count(b"\n", 0, exc.position) + 1
        column = exc.position - (raw_text.rfind(b"\n", 0, exc.position) + 1) + 1
        said = f"not text in UTF-8 ({exc.reason}); save it as UTF-8."
        raise unusable(path, said, line, column) from exc
    except _MISTAGGED as exc:
        said = "cannot be understood (a value is not what its tag says); simplify it and save."
        raise unusable(path, said) from exc
    except (RecursionError, ValueError) as exc:
        said = f"cannot be understood ({exc}); simplify it and save."
        raise unusable(path, said) from exc


def _parsed(raw_text: bytes) -> Any:
    """Parse YAML ten times as fast as usual where that is safe; raises what `safe_load` does.

    The fast parser crashes when values are nested too deep, and words errors in its own way.
    """
    nesting = _nesting(raw_text)
    if _NESTING_LIMIT < nesting < math.inf:
        raise ValueError(f"it is nested deeper than {_NESTING_LIMIT} levels")
    if nesting <= _NESTING_LIMIT:
        with contextlib.suppress(yaml.YAMLError, ValueError, *_MISTAGGED):
            return yaml.load(raw_text, yaml.CSafeLoader)
    return yaml.load(raw_text, _SlowLoader)  # noqa: S506 (it is a SafeLoader)


class _SlowLoader(yaml.SafeLoader):
    """The slow parser, made to refuse half of a character (a surrogate) as the fast one does."""

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        text = super().construct_scalar(node)
        try:
            str(text).encode()
        except UnicodeEncodeError:
            raise yaml.constructor.ConstructorError(
                None, None, "found half of a character", node.start_mark
            ) from None
        return text


def _composed(raw_text: bytes) -> yaml.Node | None:
    is_fast = _nesting(raw_text) <= _NESTING_LIMIT
    return yaml.compose(raw_text, yaml.CSafeLoader if is_fast else yaml.SafeLoader)


def _nesting(raw_text: bytes) -> float:
    """Return how deep values are nested at most, infinity where the fast parser is of no use."""
    if not hasattr(yaml, "CSafeLoader"):
        return math.inf
    columns = max(map(len, raw_text.splitlines()), default=0)
    estimate = columns + raw_text.count(b"[") + raw_text.count(b"{")
    if estimate <= _NESTING_LIMIT:
        return estimate  # most manifests: no need to look at what the signs mean
    return _depth(raw_text)


def _depth(raw_text: bytes) -> float:
    """Return how deep values are nested, infinity for what is no YAML; recurses nowhere."""
    depth = deepest = 0
    try:
        loader = yaml.CSafeLoader(raw_text)
        while loader.check_event() and deepest <= _NESTING_LIMIT:
            event = loader.get_event()
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                deepest = max(deepest, depth)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except yaml.YAMLError:
        return math.inf
    return deepest


def entries(node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """Yield a mapping's keys and values, those that `<<` brings in first."""
    for key_node, value_node in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            merged = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
            for each in merged:
                if isinstance(each, yaml.MappingNode) and each is not node:
                    yield from ((k, v) for k, v in each.value)
    yield from ((k, v) for k, v in node.value if k.tag != "tag:yaml.org,2002:merge")


def scalar(node: yaml.Node) -> Any:
    """Return what a key's node means, as the parser would; None for a key that is no scalar."""
    if not isinstance(node, yaml.ScalarNode):
        return None
    if node.tag == "tag:yaml.org,2002:str":
        return node.value
    with contextlib.suppress(ValueError, KeyError, yaml.YAMLError):
        return yaml.SafeLoader("").construct_object(node)
    return node.value
