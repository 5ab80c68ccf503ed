"""Give a handler the payload as the type that its first parameter is annotated with.

A pydantic model, a TypedDict or a dataclass, alone or inside another type (`Issue | Comment`,
`list[Issue]`), is checked before the handler runs; any other annotation is left to readers and
type checkers. All of it is decided when the handler is registered; pydantic is imported only then,
and only for a handler that needs it.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
import logging
import operator
import re
import sys
import types
import typing
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NotRequired, Required

from kiket_core.secret import redactor
from kiket_sdk._replies import Refused
from kiket_sdk.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails

ERRORS_LIMIT = 20
"""How many mismatches an answer lists."""

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
_SHOULD_BE = "Input should be "
_BOUNDS = frozenset(
    {"string_too_short", "string_too_long", "string_pattern_mismatch", "too_short", "too_long"}
)
"""Mismatches whose text says what a value should have."""
_WHY = re.compile(r",? (?:unable to|got |input |instead of|after validation).*|\. .*", re.DOTALL)
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_JSON_TYPES = {
    bool: "a boolean",
    dict: "an object",
    float: "a number",
    int: "a number",
    list: "an array",
    str: "a string",
    types.NoneType: "null",
}

_logger = logging.getLogger("kiket_sdk.webhook")


class PayloadType:
    """Read payloads of one type.

    Raises ConfigurationError for a type that no payload can be checked against.
    """

    def __init__(self, annotation: Any, names: Mapping[str, Any]) -> None:
        from pydantic import PydanticUndefinedAnnotation

        self.annotation = annotation
        self.name: str = getattr(annotation, "__name__", None) or str(annotation)
        self._adapter: TypeAdapter[Any] | None = None
        # a class that is defined further down is there by the time of the first payload
        with suppress(PydanticUndefinedAnnotation, NameError):
            self._adapter = self._built(names)

    def read(self, raw_body: bytes, payload: Any) -> Any:
        """Return the payload as this type; `payload` is what was read from `raw_body`.

        Raises Refused: 422, which says where the payload is another, and what was expected; 500
        when the type names what is defined nowhere.
        """
        from pydantic import PydanticUserError, ValidationError

        try:
            if self._adapter is None:
                self._adapter = self._built({})
            adapter = self._adapter
            try:
                return adapter.validate_json(raw_body)
            except ValidationError as exc:
                errors = exc.errors(include_url=False, include_input=False)
            if errors[0]["type"] == "json_invalid":  # JSON that only the standard reader takes
                try:
                    return adapter.validate_python(payload)
                except ValidationError as exc:
                    errors = exc.errors(include_url=False, include_input=False)
        except (ConfigurationError, PydanticUserError, NameError) as exc:
            _logger.exception("Payloads cannot be checked against %s.", self.name)
            raise Refused(500, "The extension cannot check payloads of this event") from exc
        except Exception as exc:  # a check of the program's own may fail in any way
            _logger.exception("A check of %s failed.", self.name)
            detail = f"The payload does not fit {self.name}: it could not be checked"
            raise Refused(422, detail, errors=[]) from exc
        raise self._refused(errors, payload)

    def _refused(self, errors: Sequence[ErrorDetails], payload: Any) -> Refused:
        found = [_mismatch(error, payload) for error in errors[:ERRORS_LIMIT]]
        more = f" There are {len(errors)} mismatches." if len(errors) > 1 else ""
        detail = f"The payload does not fit {self.name}: {found[0]['message']}{more}"
        _logger.warning("Webhook refused: %s", detail)
        return Refused(422, detail, errors=found)

    def _built(self, names: Mapping[str, Any]) -> TypeAdapter[Any]:
        from pydantic import PydanticUserError, TypeAdapter

        try:
            return TypeAdapter(_readable(self.annotation, names, {}))
        except PydanticUserError as exc:
            raise ConfigurationError(
                f"Payloads cannot be checked against {self.name}: {exc.message}"
            ) from exc


def payload_type(handler: Callable[..., Any]) -> PayloadType | None:
    """Return the type of a handler's payload, None when its payload is passed as it came.

    Raises ConfigurationError for an annotation that no payload can be checked against.
    """
    function = _function(handler)
    names = {**_names_of_caller(), **_enclosed(function)}
    annotation = _first_annotation(handler, function, names)
    return PayloadType(annotation, names) if _is_structured(annotation) else None


def _first_annotation(handler: Any, function: Any, names: Mapping[str, Any]) -> Any:
    try:
        parameters = inspect.signature(handler).parameters.values()
    except (TypeError, ValueError, NameError):
        return None
    first = next(iter(parameters), None)
    if first is None or first.kind not in _POSITIONAL or first.annotation is first.empty:
        return None
    if not isinstance(first.annotation, str):
        return first.annotation
    try:
        known = {**getattr(function, "__globals__", {}), **names}
        return eval(first.annotation, known)  # noqa: S307 (an annotation of the program's own)
    except Exception as exc:
        _logger.warning(
            "Payloads of %s are not checked: its annotation %r cannot be read (%s). "
            "Define or import what it names above the handler and outside `if TYPE_CHECKING:`, "
            "or write dict[str, Any].",
            getattr(function, "__qualname__", handler),
            first.annotation,
            exc,
        )
        return None


def _function(handler: Any) -> Any:
    """Return the function that a handler is in the end."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    handler = inspect.unwrap(handler)
    handler = getattr(handler, "__func__", handler)
    # not by isinstance: a mock of a function says that it is one
    return handler if type(handler) is types.FunctionType else type(handler).__call__


def _enclosed(function: Any) -> Mapping[str, Any]:
    """Return the names of the functions around a function that it uses."""
    cells = getattr(function, "__closure__", None) or ()
    names = function.__code__.co_freevars if cells else ()
    found = {}
    for name, cell in zip(names, cells, strict=True):
        with suppress(ValueError):  # not assigned yet
            found[name] = cell.cell_contents
    return found


def _names_of_caller() -> Mapping[str, Any]:
    """Return the local names where a handler is being registered, for types defined there."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "kiket_sdk":
        frame = frame.f_back
    return {} if frame.f_locals is frame.f_globals else frame.f_locals


def _is_typed_dict(annotation: Any) -> bool:
    return (
        isinstance(annotation, type)
        and issubclass(annotation, dict)
        and hasattr(annotation, "__required_keys__")
    )


def _is_structured(annotation: Any, seen: tuple[Any, ...] = ()) -> bool:
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return (
            hasattr(annotation, "__pydantic_validator__")
            or dataclasses.is_dataclass(annotation)
            or _is_typed_dict(annotation)
        )
    if _is_alias(annotation):
        # one may stand for itself inside another type, as that of any JSON does
        return annotation not in seen and _is_structured(annotation.__value__, (*seen, annotation))
    origin = typing.get_origin(annotation)
    if origin is None or origin is typing.Literal:
        return False
    parts = (origin, *typing.get_args(annotation))
    return any(_is_structured(each, seen) for each in parts)


def _is_alias(annotation: Any) -> bool:
    """Tell whether a type is a name for another: `type Change = Opened | Closed`."""
    return type(annotation).__name__ == "TypeAliasType" and hasattr(annotation, "__value__")


def _readable(annotation: Any, names: Mapping[str, Any], seen: dict[Any, Any]) -> Any:
    """Return the type with a copy of every TypedDict in it that pydantic reads as it is meant.

    Before Python 3.12 those of the standard library lack what pydantic needs; and what a TypedDict
    does not name stays in the dictionary, as a type checker assumes, while pydantic drops it.
    `names` are those that the annotations of local ones may use.
    """
    if _is_typed_dict(annotation):
        return seen.get(annotation) or _copied(annotation, names, seen)
    if _is_alias(annotation) and annotation not in seen:
        seen[annotation] = annotation
        seen[annotation] = _readable(annotation.__value__, names, seen)
    if _is_alias(annotation):
        return seen[annotation]
    arguments, origin = typing.get_args(annotation), typing.get_origin(annotation)
    if not arguments or origin is typing.Literal:
        return annotation
    if origin is typing.Annotated:
        return typing.Annotated[(_readable(arguments[0], names, seen), *arguments[1:])]
    rebuilt = tuple(_readable(each, names, seen) for each in arguments)
    if rebuilt == arguments:
        return annotation
    if origin in {typing.Union, types.UnionType}:
        return functools.reduce(operator.or_, rebuilt)
    return origin[rebuilt] if origin else annotation


def _copied(typed_dict: Any, names: Mapping[str, Any], seen: dict[Any, Any]) -> Any:
    from typing_extensions import ReadOnly, TypedDict

    make: Any = TypedDict
    copy = make(typed_dict.__name__, {})
    copy.__module__ = typed_dict.__module__
    extra = "forbid" if getattr(typed_dict, "__closed__", None) else "allow"
    copy.__pydantic_config__ = getattr(typed_dict, "__pydantic_config__", {"extra": extra})
    seen[typed_dict] = copy  # before its keys: one of them may be of this very type
    required, annotations = set(typed_dict.__required_keys__), {}
    hints = typing.get_type_hints(typed_dict, localns=dict(names), include_extras=True)
    for key, hint in hints.items():
        while (origin := typing.get_origin(hint)) in {Required, NotRequired, ReadOnly}:
            # the class itself does not see those that stand in an annotation kept as text
            if origin is NotRequired:
                required.discard(key)
            elif origin is Required:
                required.add(key)
            (hint,) = typing.get_args(hint)
        annotations[key] = _readable(hint, names, seen)
    copy.__annotations__ = annotations
    copy.__required_keys__ = frozenset(required)
    copy.__optional_keys__ = frozenset(annotations.keys() - required)
    return copy


def _mismatch(error: ErrorDetails, payload: Any) -> dict[str, Any]:
    """Say where an error is (a JSON path), what was expected, and both in a sentence.

    The value that came is not repeated.
    """
    kind, message = error["type"], error["msg"]
    path, found = _located(error["loc"], payload, is_missing=kind == "missing")
    if kind == "missing":
        expected, sentence = "a value", f"{path} is missing."
    elif kind == "extra_forbidden":
        expected, sentence = "nothing", f"{path} is not a known key."
    elif kind in _BOUNDS:
        expected = _WHY.sub("", message.partition(" should ")[2].removeprefix("have "))
        sentence = f"{path}: {message}."
    elif not message.startswith(_SHOULD_BE):
        # the text of a check of the program's own may hold anything
        expected, sentence = kind.replace("_", " "), redactor.redact(f"{path}: {message}.")
    else:
        expected = _WHY.sub("", message.removeprefix(_SHOULD_BE))
        is_other_type = "expected" not in error.get("ctx", ())
        came = f", and is {_JSON_TYPES[type(found)]}" if is_other_type else ""
        sentence = f"{path} should be {expected}{came}."
    return {"path": path, "expected": expected, "message": sentence}


def _located(location: tuple[str | int, ...], payload: Any, *, is_missing: bool) -> tuple[str, Any]:
    """Return the JSON path and the value there; names of a union's members are no part of it."""
    path, value = "$", payload
    for place, step in enumerate(location):
        if isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
            path, value = f"{path}[{step}]", value[step]
        elif isinstance(value, dict) and (
            step in value or (is_missing and place == len(location) - 1)
        ):
            key = str(step)
            shown = f".{key}" if _PLAIN_KEY.fullmatch(key) else f"[{json.dumps(key)}]"
            path, value = path + shown, value.get(step)
    return path, value
