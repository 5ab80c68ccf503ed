"""uvicorn's server without its command line, which a program that serves by itself has no use for.

`import uvicorn` loads click, multiprocessing and what watches files as well: a tenth of the time
that a module needs to start. Here the package is put in its place without being carried out, and
what serves is loaded from its parts. Whoever asks it for more, as in `uvicorn.run`, has the whole
of it carried out then. What the parts load and only name, as for annotations, is another tenth,
and left to who uses it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import sys
import threading
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Config", "HttpToolsProtocol", "Server"]


def _put_in_place(name: str) -> ModuleType | None:
    """Import a package that is carried out when it is asked for what it does not have yet.

    None if it has been imported before, or is not installed.
    """
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec is None or (loader := spec.loader) is None:
        return None
    package = importlib.util.module_from_spec(spec)
    turns = threading.RLock()
    is_whole = False

    def __getattr__(attribute: str) -> Any:  # noqa: N807  # PEP 562
        nonlocal is_whole
        with turns:
            if not is_whole:
                is_whole = True
                loader.exec_module(package)
        if attribute not in vars(package):
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
        return vars(package)[attribute]

    vars(package)["__getattr__"] = __getattr__
    sys.modules[name] = package
    return package


class _Named(ModuleType):
    """A module that uvicorn has names of, and carries out when it calls one; others have all."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        asks = sys._getframe(1).f_globals.get("__name__", "")
        if asks.partition(".")[0] != "uvicorn":
            return self._real(name)
        return type(
            name, (), {"__new__": lambda _, *args, **given: self._real(name)(*args, **given)}
        )

    def _real(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextlib.contextmanager
def _only_named(*names: str) -> Iterator[None]:
    """Have modules that are not imported yet stood in for while the block lasts."""
    put = {name: _Named(name) for name in names if name not in sys.modules}
    sys.modules.update(put)
    try:
        yield
    finally:
        for name, module in put.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


_package = _put_in_place("uvicorn")
_logging_config = _put_in_place("logging.config")  # needed for a server that sets up logging
if _logging_config is not None:
    vars(logging)["config"] = _logging_config

with _only_named("configparser", "uvicorn._types", "uvicorn.middleware.wsgi"):
    from uvicorn.config import Config  # the package has to be there before
    from uvicorn.server import Server

    if _package is not None:  # what serves asks the package for these
        vars(_package).update(Config=Config, Server=Server)

    from uvicorn.lifespan import on as _lifespan  # noqa: F401  # what every server loads
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
