"""Rules for a file as YAML: keys given twice, and references that would not be followed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from kiket_sdk._manifest_source import scalar
from kiket_sdk.utils import environment_reference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kiket_console.linting.report import Report
    from kiket_sdk._manifest_source import Keys

_REFERRING = ("url", "secret", "default", "delivery_secret")
"""Keys whose values may refer to a variable."""


def check_file(report: Report) -> None:
    """Check every mapping of the file, whatever it is about."""
    for keys, node in _mappings(report.source.root):
        seen: dict[Any, int] = {}
        for key_node, value_node in node.value:
            key = scalar(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                continue
            line = key_node.start_mark.line + 1
            if (key, type(key)) in seen:
                report.add(
                    "error",
                    (*keys, key),
                    f"stands on line {seen[key, type(key)]} already, which is lost; keep one.",
                    "duplicate-key",
                )
            seen[key, type(key)] = line
            if key in _REFERRING and isinstance(value_node, yaml.ScalarNode):
                _check_reference(report, (*keys, key), scalar(value_node))


def _check_reference(report: Report, keys: Keys, value: Any) -> None:
    reference = environment_reference(value)
    if reference == "":
        report.add(
            "error", keys, "refers to a variable without a name; write env:NAME.", "reference"
        )
    elif reference is None and isinstance(value, str) and "${" in value and "}" in value:
        report.add(
            "warning",
            keys,
            "a reference inside a longer text is not replaced; refer with the whole value.",
            "reference",
        )


def _mappings(root: yaml.Node | None) -> Iterator[tuple[Keys, yaml.MappingNode]]:
    """Yield each mapping once, however often the file refers to it."""
    seen: set[int] = set()
    waiting: list[tuple[Keys, yaml.Node]] = [((), root)] if root is not None else []
    while waiting:
        keys, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield keys, node
            waiting += [((*keys, scalar(k)), v) for k, v in reversed(node.value)]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [((*keys, i), each) for i, each in enumerate(node.value)]
