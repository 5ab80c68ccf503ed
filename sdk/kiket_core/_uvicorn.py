"""uvicorn's server without its command line, which a program that serves by itself has no use for.

`import uvicorn` loads click, multiprocessing and what watches files as well: a tenth of the time
that a module needs to start. Here the package is put in its place without being carried out, and
what serves is loaded from its parts. Whoever asks it for more, as in `uvicorn.run`, has the whole
of it carried out then.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

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


_package = _put_in_place("uvicorn")

from uvicorn.config import Config  # noqa: E402  # the package has to be there before
from uvicorn.server import Server  # noqa: E402

if _package is not None:  # what serves asks the package for these
    vars(_package).update(Config=Config, Server=Server)

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol  # noqa: E402
