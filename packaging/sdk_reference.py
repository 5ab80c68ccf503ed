"""Write the reference pages of the SDKs from their docstrings, by `make reference`."""

from __future__ import annotations

import ast
import dataclasses
import enum
import importlib
import inspect
import pkgutil
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, get_args, is_typeddict

import kiket_sdk
import kindo_message_client
import pywatt_sdk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

_BEGINNING = """\
# Reference

Written by `make reference` from the docstrings of `{package}`; do not edit. {elsewhere}

Everything here is imported from the module it stands under; names marked ★ also from `{package}`
itself. Methods marked *async* are awaited.
"""
_ELSEWHERE = {
    kiket_sdk: """How things are used is
in the [how-to guides](how-to.md); [extensions.md](../extensions.md) has the options, routes and
answers at a glance.""",
    pywatt_sdk: """How things are used is
in the [how-to guides](how-to.md); [modules.md](../modules.md) tells how modules run here.""",
    kindo_message_client: """How things are used is
in the [how-to guides](how-to.md); [README.md](README.md) tells what a message is.""",
}
_OURS = ("kiket_", "kindo_", "pywatt_")
_LAST = ("testing",)  # behind what runs in production
_WIDTH = 96


class Entry(NamedTuple):
    """A public name of a module, and what it names."""

    name: str
    value: Any


def public_modules(package: ModuleType) -> list[str]:
    """Return the names of all modules that may be imported, without the package's own."""
    prefix = f"{package.__name__}."
    found = [
        module.name.removeprefix(prefix)
        for module in pkgutil.walk_packages(package.__path__, prefix)
        if not any(part.startswith("_") for part in module.name.split("."))
    ]
    return sorted(found, key=lambda name: (name.split(".")[0] in _LAST, name))


def entries(module: ModuleType) -> Iterator[Entry]:
    """Return what a module gives away: its `__all__`, else what is defined in it."""
    listed = getattr(module, "__all__", None)
    names = listed if listed is not None else [name for name in vars(module) if name[0] != "_"]
    own = _assigned(module)
    for name in sorted(names, key=str.lower):
        value = getattr(module, name)
        if listed is not None or name in own or getattr(value, "__module__", "") == module.__name__:
            yield Entry(name, value)


def _assigned(module: ModuleType) -> dict[str, str]:
    """Return the names that a module gives a value, each with the text below it."""
    body = ast.parse(inspect.getsource(module)).body
    found = {}
    for number, node in enumerate(body):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
        below = body[number + 1] if number + 1 < len(body) else None
        text = ""
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            text = str(below.value.value)
        found.update({each.id: text for each in targets if isinstance(each, ast.Name)})
    return found


def reference(package: ModuleType) -> str:
    """Return the page of a package."""
    root = package.__name__
    lines = [_BEGINNING.format(package=root, elsewhere=_ELSEWHERE[package])]
    names = public_modules(package)
    lines += [f"- [`{root}.{name}`](#{root}{name.replace('.', '')})" for name in names]
    for name in names:
        module = importlib.import_module(f"{root}.{name}")
        lines += ["", f"## {root}.{name}", "", *_prose(module)]
        texts = _assigned(module)
        for entry in entries(module):
            star = " ★" if entry.name in package.__all__ else ""
            fixed = entry.name in texts or "__getattr__" not in vars(module)
            lines += _entry(entry, texts.get(entry.name, ""), star, fixed=fixed)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _entry(entry: Entry, text: str, star: str, *, fixed: bool) -> list[str]:
    """Return what is told of a name; one that is not *fixed* has another value each time."""
    name, value = entry
    value = getattr(value, "_fixture_function", value)  # of a pytest fixture
    if isinstance(value, type) and not value.__module__.startswith(_OURS):
        return [
            "",
            f"### {name}{star}",
            "",
            f"`{value.__module__}.{value.__qualname__}`. {text}".rstrip(),
        ]
    if isinstance(value, type) and not hasattr(value, "__origin__"):
        return ["", f"### {name}{star}", "", *_class(name, value)]
    if inspect.isfunction(value):
        return ["", f"### {name}{star}", "", _call(name, value), "", *_prose(value)]
    if inspect.ismodule(value) or isinstance(value, TypeVar):
        return []
    shown = repr(value)
    is_plain = " object at " not in shown and "<" not in shown
    is_here = isinstance(value, str) and (  # which is otherwise elsewhere
        value == platform.python_version() or Path(value).is_file()
    )
    is_short = fixed and is_plain and not is_here and len(shown) < 100
    return [
        *("", f"### {name}{star}", ""),
        *([f"`{name} = {shown}`", ""] if is_short else []),
        _flowing(text),
    ]


def _class(name: str, cls: type) -> list[str]:
    bases = ", ".join(
        base.__name__
        for base in cls.__bases__
        if base not in {object, Generic} and not base.__name__.startswith("_")
    )
    if is_typeddict(cls):
        lines = [_fenced(f"class {name}(TypedDict)")]
    elif issubclass(cls, enum.Enum) or getattr(cls, "_is_protocol", False):
        lines = [_fenced(f"class {name}({bases})")]
    else:
        own = "__init__" in vars(cls) or dataclasses.is_dataclass(cls)
        signature = _signature(cls.__init__, drop=1) if own else "(…)" if bases else "()"
        lines = [_fenced(_laid_out(name + signature) + (f"  # is a {bases}" if bases else ""))]
    lines += ["", *_prose(cls)]
    if is_typeddict(cls):
        lines += ["", *_table(cls.__annotations__)]
    elif issubclass(cls, enum.Enum):
        lines += ["", *(f"- `{each.name}` = `{each.value!r}`" for each in cls)]
    members = [
        line
        for attribute, member in vars(cls).items()
        if not attribute.startswith("_")
        for line in _member(attribute, member)
    ]
    return [*lines, "", *members]


def _member(name: str, member: Any) -> list[str]:
    """Return what there is to know of a method or a property of a class."""
    if isinstance(member, property):
        return [f"- `{name}`: {_line(member.fget)}"] if member.fget else []
    kind = {staticmethod: "*static* ", classmethod: "*of the class* "}.get(type(member), "")
    function = getattr(member, "__func__", member)
    if not inspect.isfunction(function):
        return []
    wait = "*async* " if inspect.iscoroutinefunction(inspect.unwrap(function)) else ""
    shown = name + _signature(function, drop=0 if isinstance(member, staticmethod) else 1)
    return [f"- {kind}{wait}`{shown}`: {_line(function)}"]


def _line(function: Any) -> str:
    """Return a docstring as one paragraph of a list."""
    return _flowing(" ".join(_parts(function)))


def _prose(documented: Any) -> list[str]:
    """Return a docstring's paragraphs; one that is laid out by hand stays as it is."""
    lines = []
    for part in _parts(documented):
        by_hand = re.search(r"^( {4}|=|[├└])|\S {2,}\S", part, re.MULTILINE)
        lines += [_fenced(part, "text") if by_hand else _flowing(part), ""]
    return lines


def _flowing(text: str) -> str:
    """Return prose on one line; what looks like a tag outside of code is none."""
    parts = " ".join(text.split()).split("`")
    return "`".join(
        part if number % 2 else part.replace("<", "\\<") for number, part in enumerate(parts)
    )


def _parts(documented: Any) -> list[str]:
    text = inspect.cleandoc(getattr(documented, "__doc__", None) or "")
    if dataclasses.is_dataclass(documented) and text.startswith(f"{documented.__name__}("):
        return []  # what dataclasses make up
    return text.split("\n\n")


def _call(name: str, function: Any) -> str:
    wait = "await " if inspect.iscoroutinefunction(function) else ""
    inner = inspect.unwrap(function)
    if inner is not function and inspect.isgeneratorfunction(inner):
        wait = "with "
    return _fenced(_laid_out(f"{wait}{name}{_signature(function)}"))


def _signature(function: Any, drop: int = 0) -> str:
    """Return parameters and result, as they are written; over several lines when they are long."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[drop:]
    plain = signature.replace(parameters=parameters, return_annotation=signature.empty)
    result = signature.return_annotation
    arrow = "" if result is signature.empty else f" -> {result}" if drop == 0 or result else ""
    if function.__name__ == "__init__":
        arrow = ""
    text = re.sub(r": '([^']*)'", r": \1", str(plain)).replace("<factory>", "…")
    text = re.sub(r"<[^<>]*(?:<locals>)?[^<>]* at 0x\w+>", "…", text)
    return text.replace('"Literal', "Literal").replace('None"', "None") + arrow.replace("'", "")


def _laid_out(signature: str) -> str:
    """Return a long signature with a line for each parameter."""
    if len(signature) <= _WIDTH:
        return signature
    head, _, rest = signature.partition("(")
    parameters, _, tail = rest.rpartition(")")
    depth, cut = 0, []
    for character in parameters:
        depth += (character in "([{") - (character in ")]}")
        cut.append("\n" if character == "," and not depth else character)
    lines = [f"    {line.strip()}," for line in "".join(cut).split("\n")]
    return "\n".join([f"{head}(", *lines, f"){tail}"])


def _fenced(text: str, language: str = "") -> str:
    return f"```{language}\n{text}\n```"


def _table(annotations: dict[str, Any]) -> list[str]:
    rows = [f"| `{key}` | `{_type(value)}` |" for key, value in annotations.items()]
    return ["| key | is |", "| --- | --- |", *rows]


def _type(annotation: Any) -> str:
    if get_args(annotation):
        return repr(annotation).replace("typing.", "").replace("|", "\\|")
    text = getattr(annotation, "__forward_arg__", None) or getattr(annotation, "__name__", "")
    return str(text or annotation).replace("|", "\\|")
