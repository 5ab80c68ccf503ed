"""What this program is and stands on, for reports of bugs."""

from __future__ import annotations

import platform
import re
from importlib import metadata

from kiket_console import __version__


def document(program: str) -> str:
    """Return name, version, Python, system and the versions of all requirements, as JSON."""
    from kiket_console.commands.documents import document as as_document

    return as_document(
        name=program,
        version=__version__,
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        platform=platform.platform(),
        dependencies=_requirements(),
    )


def _requirements() -> dict[str, str | None]:
    """Return each requirement's version, None where it is not installed."""
    try:
        required = metadata.requires("kiket-console") or []
    except metadata.PackageNotFoundError:  # run from a folder that was never installed
        return {}
    names = sorted({re.split(r"[^\w.-]", each, maxsplit=1)[0] for each in required})
    return {name: _version(name) for name in names}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
