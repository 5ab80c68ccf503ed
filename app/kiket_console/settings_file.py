"""Read a file of settings: a project's kiket.toml, or the user's config.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kiket_console.errors import ConsoleError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path

PROJECT_FILE = "kiket.toml"
LIMIT_BYTES = 64 * 1024


def read(file: Path) -> dict[str, Any]:
    """Return what *file* says, nothing when it is not there.

    Raises `ConsoleError` when it cannot be read, is larger than `LIMIT_BYTES`, or is no TOML.
    """
    import tomllib

    try:
        with file.open("rb") as opened:
            raw_text = opened.read(LIMIT_BYTES + 1)
        if len(raw_text) > LIMIT_BYTES:
            raise _bad(f"{file} has more than {LIMIT_BYTES // 1024} KiB.", "Keep it short.")
        return tomllib.loads(raw_text.decode("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _bad(f"{file} cannot be read: {error.strerror}.", "Make it readable.") from error
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, or nested too deep
        raise _bad(f"{file} cannot be understood: {error}.", "Correct it there.") from error


def _bad(message: str, hint: str) -> ConsoleError:
    return ConsoleError(message, hint=hint, exit_code=ExitCode.CONFIG)
