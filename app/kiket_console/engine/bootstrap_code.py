"""What runs inside a worker to import the developer's code and tell of it: standard library alone.

`bootstrap.py` loads this file by path.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.machinery
import importlib.util
import inspect
import os
import site
import sys
import sysconfig
import threading
import traceback
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Sequence

TRACEBACK_LINES = 200
TEXT_LIMIT = 3000
"""More than is shown: a secret may begin before the end of that, and end after it."""
SOURCES_LIMIT = 2_000
"""Files that are compiled early; what is beyond is compiled when it is imported."""
_HERE = os.path.join(os.path.dirname(__file__), "bootstrap")  # noqa: PTH118, PTH120 (pathlib costs 10 ms of every start)
_INSTALLED = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)
_LIBRARY = tuple(sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib"))

Message = dict[str, Any]


class Refused(BaseException):
    """What the code did, or is, cannot be served; no `except Exception` of its hides it."""


# Finding modules


class FreshLoader(importlib.machinery.SourceFileLoader):
    """Import the developer's code from its source, never from bytecode.

    Python trusts a `.pyc` whose recorded second and size fit; two saves within a second can be
    that alike.
    """

    compiled: ClassVar[dict[str, tuple[bytes, types.CodeType]]] = {}
    """What was compiled early, by path, with the source that it was compiled from."""
    imported: ClassVar[dict[str, None]] = {}
    """The files that are imported, in order."""

    def get_code(self, fullname: str) -> types.CodeType | None:
        """Compile the source as it is now, unless just that is compiled already."""
        path = self.get_filename(fullname)
        return self.code_of(path, self.get_data(path))

    @classmethod
    def code_of(cls, path: str, raw_source: bytes) -> types.CodeType:
        """Return the code of a file that is being imported, or run."""
        cls.imported[path] = None
        known = cls.compiled.pop(path, None)
        if known is not None and known[0] == raw_source:
            return known[1]
        code: types.CodeType = cls("", path).source_to_code(raw_source, path)
        return code


def compile_early(paths: Sequence[str]) -> None:
    """Compile files, and run none of them; what does not compile now is left for its import."""
    for path in paths:
        with contextlib.suppress(Exception):
            if not os.path.isfile(path):  # noqa: PTH113 (as above)
                continue  # a pipe would be waited for
            loader = FreshLoader("", path)
            raw_source = loader.get_data(path)
            FreshLoader.compiled[path] = (raw_source, loader.source_to_code(raw_source, path))


def read_manifest_early() -> None:
    """Have the SDK parse the extension's manifest, which its code is about to ask for."""
    with contextlib.suppress(Exception):  # another release of the SDK, or none
        sys.modules["kiket_sdk.manifest"].read_early()


def sources() -> list[str]:
    """Return the files of the developer's code that are imported."""
    return list(FreshLoader.imported)[:SOURCES_LIMIT]


class BundledFinder:
    """Offer a few packages from one folder, after everything the interpreter itself has."""

    def __init__(self, names: Sequence[str], folder: str) -> None:
        self._names = frozenset(names)
        self._folder = folder

    def find_spec(
        self, name: str, path: Any = None, _target: Any = None, /
    ) -> importlib.machinery.ModuleSpec | None:
        """Find one of the packages."""
        if path is None and name in self._names:
            return importlib.machinery.PathFinder.find_spec(name, [self._folder])
        return None


def prepare_path(given: Message) -> None:
    """Put the SDK within reach, and import what comes before the project."""
    if sys.prefix == sys.base_prefix:  # `-I` leaves these out; plain `python main.py` has them
        site.addsitedir(site.getusersitepackages())
    has_sdk = importlib.util.find_spec(given["sdk"]) is not None
    sys.meta_path.append(BundledFinder(given["sdk_packages"], given["sdk_path"]))
    if not has_sdk and given["cache_tag"] == sys.implementation.cache_tag:
        sys.path.extend(path for path in given["site_packages"] if path not in sys.path)
    for name in given["preload"]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def admit_project(start: Message) -> None:
    """Let the project's modules in, before all others."""
    sys.path_hooks.insert(0, _fresh_path_hook())
    sys.path_importer_cache.clear()
    sys.path[:0] = start["import_roots"]


def is_installed(path: str) -> bool:
    """Tell whether *path* is of the interpreter's library, or of a package that was installed."""
    return path.startswith(_LIBRARY) or any(part in path for part in _INSTALLED)


def package_folders() -> list[str]:
    """Return the folders that packages are installed into."""
    return [path for path in sys.path if any(part in path + os.sep for part in _INSTALLED)]


def _fresh_path_hook() -> Callable[[str], Any]:
    """Return a path hook that finds what is developed, and leaves what is installed alone."""
    hook = importlib.machinery.FileFinder.path_hook(
        (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
        (FreshLoader, importlib.machinery.SOURCE_SUFFIXES),
    )

    def developed(path: str) -> Any:
        if is_installed(os.path.abspath(path) + os.sep):  # noqa: PTH100 (as above)
            raise ImportError("installed code may be cached")
        return hook(path)

    return developed


# Importing


def import_entry(start: Message) -> Any:
    """Import the entry and return its object.

    Raises:
        Refused: with a sentence, when the object is not there or the code starts a server.
    """
    module_name, _, attribute = start["entry"].partition(":")
    with contextlib.suppress(ImportError, AttributeError, TypeError):  # or another uvicorn
        importlib.import_module("kiket_core.guard")  # which leaves uvicorn's command line out
    try:
        uvicorn = importlib.import_module("uvicorn")
    except ImportError as error:
        raise Refused(
            f"{sys.executable} (Python {sys.version.split()[0]}) cannot import uvicorn ({error}). "
            "Install kiket-sdk into it, or name another python in kiket.toml."
        ) from error
    create = uvicorn.Server.__init__

    def refuse(*_: Any, **__: Any) -> None:
        raise Refused(
            "the file starts its own server while it is imported. "
            'Put that call under `if __name__ == "__main__":`.'
        )

    uvicorn.Server.__init__ = refuse
    try:
        module = importlib.import_module(module_name)
    finally:
        uvicorn.Server.__init__ = create
    found: Any = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise Refused(_nothing_there(module, attribute, start["folder"]))
    return found


def _nothing_there(module: types.ModuleType, attribute: str, folder: str) -> str:
    where = _shown_path(getattr(module, "__file__", None) or module.__name__, folder)
    public = [(name, value) for name, value in vars(module).items() if not name.startswith("_")]
    likely = [name for name, value in public if _is_sdk(value) or _has_routes(value)]
    if likely:
        return (
            f"{where} has no `{attribute}`, but has `{'`, `'.join(likely[:5])}`. "
            f'Name it in kiket.toml: entry = "{module.__name__}:{likely[0]}".'
        )
    names = [name for name, value in public if not inspect.ismodule(value)]
    having = f"it defines {', '.join(names[:8])}" if names else "it defines nothing"
    return f"{where} has no `{attribute}`; {having}. Write `{attribute} = KiketSDK()` there."


def app_of(found: Any, entry: str) -> Any:
    """Return the ASGI app behind the entry's object.

    Raises:
        Refused: when it is none.
    """
    # Releases of the SDK before ours are no app themselves.
    app = found.app if _is_sdk(found) and not callable(found) else found
    if not callable(app) or inspect.isclass(app):
        raise Refused(f"`{entry}` is {type(found).__name__!r}: no KiketSDK and no ASGI app.")
    return app


def _is_sdk(found: Any) -> bool:
    # The class is asked first: an `app` that is made on demand is not made for this.
    return not inspect.isclass(found) and all(
        hasattr(type(found), name) or hasattr(found, name) for name in ("registry", "config", "app")
    )


def _has_routes(found: Any) -> bool:
    return not inspect.isclass(found) and hasattr(found, "routes") and callable(found)


# Telling


def describe(found: Any, start: Message) -> Message:
    """Return the `found` message: what the engine wants to know of an imported extension."""
    message: Message = {"type": "found", "pid": os.getpid(), "python": sys.version.split()[0]}
    if not _is_sdk(found):
        return message
    config = found.config
    secrets = [
        getattr(config, "webhook_secret", None),
        *(getattr(config, "previous_webhook_secrets", None) or ()),
    ]
    message.update(
        is_sdk=True,
        accepts=_accepted(found),
        extension_id=_text(getattr(config, "extension_id", None)),
        extension_version=_text(getattr(config, "extension_version", None)),
        webhook_secrets=[_text(secret) for secret in secrets if secret],
        webhook_terms=_terms([secret for secret in secrets if secret]),
        workspace_token=_text(getattr(config, "workspace_token", None)),
        handlers=_handlers(found.registry, start["folder"]),
    )
    return message


def _accepted(found: Any) -> list[str]:
    """Return the dialects that may sign; other releases of the SDK know the oldest only."""
    return [str(dialect) for dialect in getattr(found, "accepted_dialects", None) or ["k0"]]


def _terms(secrets: list[Any]) -> list[Message]:
    """Return what each secret is called and when it counts; nothing where all are plain text."""
    if not any(hasattr(secret, "key_id") for secret in secrets):
        return []
    return [
        {
            "key_id": getattr(secret, "key_id", None),
            "not_before": _moment(getattr(secret, "not_before", None)),
            "not_after": _moment(getattr(secret, "not_after", None)),
        }
        for secret in secrets
    ]


def _moment(value: Any) -> str | None:
    return None if value is None else value.isoformat()


def _text(value: Any) -> str:
    return "" if value is None else str(value.reveal() if hasattr(value, "reveal") else value)


def _handlers(registry: Any, folder: str) -> list[Message]:
    handlers = []
    for event, versions in registry.all().items():
        for version, entry in versions.items():
            function = getattr(entry, "handler", entry)
            code = _code_of(function[0] if isinstance(function, tuple) else function)
            handlers.append(
                {
                    "event": str(event),
                    "version": str(version),
                    "file": _shown_path(code.co_filename, folder) if code else "",
                    "line": code.co_firstlineno if code else 0,
                    "scopes": [str(each) for each in getattr(entry, "required_scopes", None) or ()],
                }
            )
    return sorted(handlers, key=lambda handler: (handler["event"], handler["version"]))


def _code_of(function: Any) -> types.CodeType | None:
    while isinstance(function, functools.partial):
        function = function.func
    with contextlib.suppress(ValueError):  # wrappers in a circle
        function = inspect.unwrap(function)
    if not hasattr(function, "__code__"):
        function = getattr(type(function), "__call__", function)  # noqa: B004 (its code, not whether it has one)
    code: types.CodeType | None = getattr(function, "__code__", None)
    return code


# Failing


def failure(error: BaseException, folder: str) -> Message:
    """Return the `failed` message: one sentence with the developer's file and line."""
    places = _own_places(traceback.extract_tb(error.__traceback__), folder)
    if isinstance(error, SyntaxError) and error.filename:
        places.append((error.filename, error.lineno or 0))
    lines = [] if isinstance(error, Refused) else _traceback_lines(error)
    return _failed(_what(error), places, lines, folder)


def stuck(folder: str, limit_s: float) -> Message:
    """Return the `failed` message of an import that does not end: where it stands."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    stack = traceback.extract_stack(frame)
    what = f"the import did not end within {limit_s:g} s."
    lines = "".join(stack.format()).splitlines()[-TRACEBACK_LINES:]
    return _failed(what, _own_places(stack, folder), lines, folder)


def _failed(what: str, places: list[tuple[str, int]], lines: list[str], folder: str) -> Message:
    file, line = places[-1] if places else ("", 0)
    file = _shown_path(file, folder)
    return {
        "type": "failed",
        "sentence": f"{file}:{line}: {what}" if file else what,
        "file": file,
        "line": line,
        "traceback": [line[:TEXT_LIMIT] for line in lines],
    }


def _what(error: BaseException) -> str:
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, SystemExit):
        return f"the file ends the program while it is imported: SystemExit({error.code!r})."
    name = type(error).__name__
    try:
        text = str(error.msg if isinstance(error, SyntaxError) else error).partition("\n")[0]
    except Exception as unsaid:  # its own mistake
        text = f"its text cannot be told ({type(unsaid).__name__})"
    return f"{name}: {text[:TEXT_LIMIT]}" if text else name


def _traceback_lines(error: BaseException) -> list[str]:
    shown = traceback.TracebackException.from_exception(error, compact=True)
    part: traceback.TracebackException | None = shown
    while part is not None:
        part.stack = traceback.StackSummary.from_list(
            frame for frame in part.stack if not _is_machinery(frame.filename)
        )
        part = part.__cause__ or part.__context__
    lines = "".join(shown.format()).splitlines()
    if len(lines) > TRACEBACK_LINES:
        lines[TRACEBACK_LINES // 2 : -TRACEBACK_LINES // 2] = ["  …"]
    return lines


def _is_machinery(path: str) -> bool:
    return path.startswith((_HERE, "<frozen importlib")) or path == importlib.__file__


def _own_places(frames: traceback.StackSummary, folder: str) -> list[tuple[str, int]]:
    """Return file and line of the frames that are in the developer's own code."""
    return [
        (frame.filename, frame.lineno or 0)
        for frame in frames
        if frame.filename.startswith(folder + os.sep)
        and not any(part in frame.filename for part in _INSTALLED)
    ]


def _shown_path(path: str, folder: str) -> str:
    return path[len(folder) + 1 :] if path.startswith(folder + os.sep) else path
