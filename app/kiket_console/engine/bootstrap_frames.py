"""What runs inside a worker to tell what an exception's frames held: standard library alone.

`bootstrap.py` loads this file by path, when there is a first exception to tell of.

No code of the developer's is run to show a value: a `__repr__` may hang, lie, or change something.
Builtins, dataclasses, pydantic models and the like are shown by what they hold, read past every
override; anything else by its type. What is named like a secret is left out here; the engine, which
knows the secrets' values, takes those out, and so is sent more of a text than it shows.
"""

from __future__ import annotations

import builtins
import collections
import itertools
import json
import linecache
import re
import sys
import time
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

FRAMES = 20
LOCALS = 30
DEPTH = 3
"""How far inside a value is looked: a list of dictionaries of numbers is shown whole."""
ITEMS = 20
TEXT_LIMIT = 8_392
"""Characters of one text that are sent: more than are shown, so that a secret is seen whole."""
LONG_TEXT = 60
"""Characters from which on a text inside another value stands between `LONG`."""
LONG = ("\x02", "\x03")
"""Around a text that the engine shortens; no such character is left in a text itself."""
NAME_LIMIT = 100
BUDGET = 100_000
"""Characters that all the values of one exception may take."""
TIME_LIMIT_S = 0.02  # of the processor's time: on a busy machine others may have the rest
AROUND = 2
"""Lines of source before and after the one where the frame stands."""
LINE_LIMIT = 200
EXCEPTIONS_PER_S = 5
"""More are told by their traceback alone."""
HIDDEN = "[redacted]"
_SECRET_NAME = re.compile(
    r"token|secret|passw|passphrase|passcode|pwd|credential|authori[sz]ation|cookie|signature|jwt"
    r"|bearer|(api|access|account|private|signing|encryption|master|session)[_-]?(key|id)"
    r"|(^|[_-])(auth|otp|pass|pin|cvv|cvc)$",
    re.IGNORECASE,
)
_OURS = re.compile(r"[/\\](kiket_core|kiket_sdk|pywatt_sdk)[/\\]|[/\\]bootstrap(_\w+)?\.py$")
_PLAIN = (
    ("datetime", ("date", "timedelta", "timezone")),
    ("decimal", ("Decimal",)),
    ("fractions", ("Fraction",)),
    ("uuid", ("UUID",)),
    ("zoneinfo", ("ZoneInfo",)),
    ("pathlib", ("PosixPath", "PurePosixPath", "PureWindowsPath", "WindowsPath")),
    ("ipaddress", ("IPv4Address", "IPv6Address")),
)
"""Types of the standard library whose `repr` is of their own making to the end."""

_told: collections.deque[float] = collections.deque(maxlen=EXCEPTIONS_PER_S)


def frames_of(error: BaseException, is_installed: Callable[[str], bool]) -> list[dict[str, Any]]:
    """Return the frames of *error* and of what caused it, in the order a traceback prints them.

    Each has `file`, `line`, `function`, `first` (the number of the first line in `source`),
    `source`, `values` (pairs of name and text) and `more` (locals that are not among them). None
    at all: there were too many exceptions within this second.
    """
    now_s = time.monotonic()
    if len(_told) == EXCEPTIONS_PER_S and now_s - _told[0] < 1:
        return []
    _told.append(now_s)
    found = [step for each in _chain(error, []) for step in _steps(_raised(each, "__traceback__"))]
    own = [at for at, (frame, _) in enumerate(found) if not is_installed(frame.f_code.co_filename)]
    known = set(own)
    others = [at for at in range(len(found)) if at not in known]
    kept = own[-FRAMES:]
    if len(kept) < FRAMES:
        kept += others[len(kept) - FRAMES :]
    show = Showing()
    # Own code first: the budget is for what a person can change.
    told = {at: _frame(*found[at], show) for at in kept}
    return [told[at] for at in sorted(told)]


def _chain(error: BaseException, seen: list[BaseException]) -> list[BaseException]:
    """Return *error* after what it came of and before what it is a group of, as tracebacks do.

    What was *seen* is left out: causes may go in circles.
    """
    if len(seen) >= FRAMES or any(error is each for each in seen):
        return []
    seen.append(error)
    came_of = _raised(error, "__cause__")
    if came_of is None and not _raised(error, "__suppress_context__"):
        came_of = _raised(error, "__context__")
    chain = [] if came_of is None else _chain(came_of, seen)
    chain.append(error)
    group = getattr(builtins, "BaseExceptionGroup", None)
    if group is not None and issubclass(type(error), group):
        for each in group.__dict__["exceptions"].__get__(error)[:FRAMES]:
            chain += _chain(each, seen)
    return chain


def _steps(trace: types.TracebackType | None) -> Iterator[tuple[types.FrameType, int]]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno or 0
        trace = trace.tb_next


def _frame(frame: types.FrameType, line: int, show: Showing) -> dict[str, Any]:
    code = frame.f_code
    first = max(1, line - AROUND)
    source = [
        linecache.getline(code.co_filename, number, frame.f_globals).rstrip()[:LINE_LIMIT]
        for number in range(first, line + AROUND + 1)
    ]
    while source and not source[-1]:
        source.pop()
    values: list[tuple[str, str]] = []
    more = 0
    if not _OURS.search(code.co_filename):
        for name, value in _locals(frame):
            if len(values) < LOCALS:
                values.append((_clean(name), _clean(show.named(name, value))))
            else:
                more += 1
    return {
        "file": _clean(code.co_filename),
        "line": line,
        "function": _clean(code.co_name),
        "first": first,
        "source": [_clean(each) for each in source],
        "values": values,
        "more": more,
    }


def _locals(frame: types.FrameType) -> list[tuple[str, Any]]:
    """Return what a frame has of its own; of a module's body not all that it defines."""
    found: Any = frame.f_locals
    if type(found) is not dict:
        if _name(type(found)) != "FrameLocalsProxy":
            return []  # of a class whose metaclass made it: anything may happen
        found = dict(found)
    pairs = [pair for pair in found.items() if type(pair[0]) is str]
    if frame.f_code.co_name != "<module>":
        return pairs
    machinery = (types.ModuleType, types.FunctionType, type)
    return [
        (name, value)
        for name, value in pairs
        if not name.startswith("__") and not issubclass(type(value), machinery)
    ]


class Showing:
    """Shows the values of one exception, as long as there is room and time for them."""

    def __init__(self) -> None:
        self._left = BUDGET
        self._until_s = time.monotonic() + TIME_LIMIT_S, time.thread_time() + TIME_LIMIT_S
        self._plain = [
            found
            for module, names in _PLAIN
            if (known := sys.modules.get(module)) is not None
            for name in names
            if type(found := vars(known).get(name)) is type
        ]
        clock = sys.modules.get("datetime")
        self._clocks = () if clock is None else (clock.datetime, clock.time)

    def named(self, name: str, value: Any, depth: int = 0) -> str:
        """Return *value* as a text, unless its *name* says that it is a secret."""
        if _SECRET_NAME.search(name) and not _says_nothing(value):
            return HIDDEN
        return self.value(value, depth)

    def value(self, value: Any, depth: int) -> str:
        """Return a value as a text, however strange it is."""
        clock_s, busy_s = self._until_s  # the clock is asked at a tenth of the cost
        if self._left <= 0 or (time.monotonic() > clock_s and time.thread_time() > busy_s):
            return _type(value)
        try:
            text = self._shown(value, depth)
        except Exception:  # it changed meanwhile, or is not what its type says
            return _type(value)
        self._left -= 4
        return text

    def _shown(self, value: Any, depth: int) -> str:
        kind = type(value)
        if value is None or _is_one(kind, (bool, float, complex)) or value is Ellipsis:
            return repr(value)
        if issubclass(kind, int) and "_member_map_" not in _own(kind):
            size = int.bit_length(value)
            return int.__repr__(value) if size < 1_000 else f"<int of {size:,} bits>"
        if _is_one(kind, self._plain):
            text = _quoted(str(value)) if kind.__name__.endswith("Path") else repr(value)
            if len(text) > min(TEXT_LIMIT, self._left):
                return _type(value)
            self._left -= len(text)
            return f"{kind.__name__}({text})" if text.startswith('"') else text
        if _is_one(kind, self._clocks):
            is_plain = _is_one(type(value.tzinfo), (type(None), *self._plain))
            return repr(value) if is_plain else _type(value)
        for text, show in _TEXTS:
            if issubclass(kind, text):
                return self._text(text, show, value, depth)
        if "_member_map_" in _own(kind):
            return f"{_name(kind)}.{object.__getattribute__(value, '__dict__')['_name_']}"
        for holder, sides in _HOLDERS:
            if issubclass(kind, holder):
                return self._holder(kind, holder, value, sides, depth)
        if issubclass(kind, BaseException):
            return f"{_name(kind)}({self._joined(_raised(value, 'args'), depth)})"
        if (members := _members(kind, value)) is not None:
            return f"{_name(kind)}({self._pairs(members, '=', depth)})"
        if kind is types.MethodType:
            return self._shown(value.__func__, depth)
        if _is_one(kind, (types.FunctionType, types.BuiltinFunctionType)):
            return f"<{_name(kind)} {value.__name__}>"
        if issubclass(kind, types.ModuleType):
            return f"<module {types.ModuleType.__getattribute__(value, '__dict__')['__name__']}>"
        if issubclass(kind, type):
            return f"<class {type.__dict__['__qualname__'].__get__(value)}>"
        return _type(value)

    def _text(self, base: Any, show: Callable[[Any], str], value: Any, depth: int) -> str:
        size = base.__len__(value)
        if min(size, TEXT_LIMIT) > self._left:
            return _type(value)  # cut anywhere else, half a secret would not be recognised
        kept = base.__getitem__(value, slice(TEXT_LIMIT))
        text = show(kept)
        self._left -= len(text)
        if size > len(kept):
            text += f"… ({size:,})"
        return text if depth == 0 or size <= LONG_TEXT else text.join(LONG)

    def _holder(self, kind: type, base: Any, value: Any, sides: str, depth: int) -> str:
        names = _own(kind).get("_fields") if base is tuple else None
        if type(names) is tuple:  # a named one
            fields = zip(names, tuple.__iter__(value), strict=False)
            return f"{_name(kind)}({self._pairs(fields, '=', depth)})"
        size = base.__len__(value)
        if base is dict:
            inner = self._pairs(itertools.islice(dict.items(value), ITEMS), ": ", depth)
        else:
            items = itertools.islice(base.__iter__(value), ITEMS)
            inner = self._joined(items, depth, is_pair=size == 2)
        if size > ITEMS and depth < DEPTH:
            inner += f", … +{size - ITEMS:,}"
        if base is tuple and size == 1 and depth < DEPTH:
            inner += ","
        text = f"{sides[0]}{inner}{sides[1]}" if size or base not in (set, frozenset) else ""
        is_plain = _is_one(kind, (dict, list, tuple)) or (kind is set and text)
        return text if is_plain else f"{_name(kind)}({text})"

    def _joined(self, values: Iterable[Any], depth: int, *, is_pair: bool = False) -> str:
        """Show *values*; the name of one in a pair, or behind an option, stands before it."""
        if depth >= DEPTH:
            return "…" if any(True for _ in values) else ""
        shown = []
        name = ""
        for value in values:
            shown.append(self.named(name, value, depth + 1))
            said = _said(value)
            name = said if is_pair or said.startswith("-") else ""
        return ", ".join(shown)

    def _pairs(self, pairs: Iterable[tuple[Any, Any]], sign: str, depth: int) -> str:
        if depth >= DEPTH:
            return "…" if any(True for _ in pairs) else ""
        shown = []
        told = ""
        for name, value in pairs:
            is_text = _is_one(type(name), (str, bytes))
            label = name if sign == "=" and is_text else self.value(name, depth + 1)
            says = _said(name) or label
            if says in ("name", "key", "Name", "Key"):  # {"name": "DB_PASSWORD", "value": …}
                told = _said(value)
            is_told = says in ("value", "Value")
            shown.append(f"{label}{sign}{self.named(told if is_told else says, value, depth + 1)}")
        return ", ".join(shown)


def _quoted(text: str) -> str:
    """Return a text as JSON would: a secret inside looks the same whatever stands around it.

    `repr` escapes a quote or not, as other quotes have it.
    """
    return _clean(json.dumps(text, ensure_ascii=False))


def _quoted_bytes(raw: bytes) -> str:
    try:
        return f"b{_quoted(raw.decode())}"
    except UnicodeDecodeError:
        return f"b{_quoted(raw.decode('utf-8', 'backslashreplace'))}".replace(r"\\x", r"\x")


_TEXTS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (str, _quoted),
    (bytes, _quoted_bytes),
    (bytearray, lambda raw: f"bytearray({_quoted_bytes(bytes(raw))})"),
)
_HOLDERS = (
    (dict, "{}"),
    (list, "[]"),
    (tuple, "()"),
    (set, "{}"),
    (frozenset, "{}"),
    (collections.deque, "[]"),
)


def _members(kind: type, value: Any) -> list[tuple[str, Any]] | None:
    """Return the fields of a dataclass, a pydantic model or the like; None for anything else.

    They are read where they are kept: a property would run code.
    """
    fields: Any = None
    mro = type.__dict__["__mro__"].__get__(kind)
    for name in ("__dataclass_fields__", "__pydantic_fields__", "__attrs_attrs__"):
        fields = next((_own(each)[name] for each in mro if name in _own(each)), None)
        if fields is not None:
            break
    else:
        return None
    if type(fields) is not dict:
        fields = {each.name: each for each in fields}
    kept: dict[str, Any] = {}
    if any("__dict__" in _own(each) for each in mro):
        kept = object.__getattribute__(value, "__dict__")
    found = []
    for name, field in itertools.islice(fields.items(), LOCALS):
        if getattr(field, "repr", True) is False:  # whoever wrote it does not want it seen
            found.append((name, ...))
        elif name in kept:
            found.append((name, kept[name]))
        else:
            slots = (_own(each).get(name) for each in mro)
            slot = next((each for each in slots if type(each) is types.MemberDescriptorType), None)
            if slot is not None:
                found.append((name, slot.__get__(value)))
    return found


def _raised(error: BaseException, name: str) -> Any:
    """Return what an exception says of itself, whatever its class has in that place."""
    return BaseException.__dict__[name].__get__(error)


def _says_nothing(value: Any) -> bool:
    """Tell whether a value is none that could be secret; that there is none may be the cause."""
    kind = type(value)
    return value is None or kind is bool or (_is_one(kind, (str, bytes)) and not value)


def _said(value: Any) -> str:
    """Return a text, of bytes too, as far as a name may go; empty for anything else."""
    kind = type(value)
    if issubclass(kind, bytes):
        return bytes.__getitem__(value, slice(NAME_LIMIT)).decode("latin-1")
    return str.__getitem__(value, slice(NAME_LIMIT)) if issubclass(kind, str) else ""


def _is_one(kind: type, kinds: Iterable[type]) -> bool:
    """Tell whether a type is one of some; `in` would ask its metaclass."""
    return any(kind is each for each in kinds)


def _own(kind: type) -> Any:
    """Return what a class itself defines, whatever its metaclass says."""
    return type.__dict__["__dict__"].__get__(kind)


def _name(kind: type) -> str:
    """Return a type's name, whatever its metaclass says."""
    return _clean(type.__dict__["__name__"].__get__(kind))


def _type(value: Any) -> str:
    kind = type(value)
    module = type.__dict__["__module__"].__get__(kind)
    prefix = f"{module}." if type(module) is str and module != "builtins" else ""
    return f"<{_clean(prefix)}{_name(kind)}>"


def _clean(text: str) -> str:
    """Return a text that can be sent: a path need not be Unicode."""
    return text.encode("utf-8", "backslashreplace").decode()
