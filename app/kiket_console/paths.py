"""Every place on disk, in one file.

    <state>/kiket-console/trusted.json            which projects may run
    <state>/kiket-console/vault-shared.json       names of the secrets that all projects share
    <state>/kiket-console/projects/<key>/         0700, one per project folder
        store.sqlite3  engine.log  engine.json  engine.lock  platform.sqlite3  token-key.pem
        addresses.json  vault-index.json  mask-key  unsent/  producer-urls.json
    <run>/kiket-console/<key>/                    0700: control.sock, <worker>-<n>.sock
    <state>/kiket-console/run/<hash>/             the same where there is no $XDG_RUNTIME_DIR

A project's key is its folder's name and a hash of its real path, so that two folders never share
a place. Sockets beside the store go by the hash alone: their paths must be short.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from pathlib import Path

from kiket_console.errors import ConsoleError

APP = "kiket-console"
LONGEST_RUN_FOLDER = 76
"""In bytes: Unix socket paths end at 104 (macOS) or 108 (Linux); the rest is room for the name."""


def state_dir() -> Path:
    """Return the user's state folder for this program."""
    import platformdirs

    return Path(platformdirs.user_state_path(APP, appauthor=False))


def config_file() -> Path:
    """Return the user's configuration file, which need not exist."""
    import platformdirs

    return Path(platformdirs.user_config_path(APP, appauthor=False)) / "config.toml"


def filters_file() -> Path:
    """Return the file of the user's saved filters, which need not exist."""
    return config_file().with_name("filters.toml")


def assets_dir() -> Path:
    """Return the bundled assets: inside the package when installed, beside `app/` in a checkout."""
    packaged = Path(__file__).parent / "assets"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "assets"


def completions_dir() -> Path:
    """Return the shells' completion scripts: inside the package, or below `packaging/`."""
    packaged = Path(__file__).parent / "completions"
    return (
        packaged if packaged.is_dir() else Path(__file__).parents[2] / "packaging" / "completions"
    )


def project_key(folder: Path) -> str:
    """Return the name that stands for *folder* in our own places."""
    real = folder.resolve()
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", real.name).strip("-")[:24] or "project"
    return f"{name}-{hashlib.sha256(os.fsencode(real)).hexdigest()[:12]}"


def shown(place: Path | str) -> str:
    """Return a path as a text that can be told: the names of files need not be Unicode."""
    return os.fsencode(place).decode("utf-8", "backslashreplace")


class ProjectPaths:
    """The places of one project folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.key = project_key(self.folder)
        self.state = state_dir() / "projects" / self.key
        self.store = self.state / "store.sqlite3"
        self.engine_log = self.state / "engine.log"
        self.engine_info = self.state / "engine.json"
        self.engine_lock = self.state / "engine.lock"
        self.platform = self.state / "platform.sqlite3"
        self.token_key = self.state / "token-key.pem"
        self.mask_key = self.state / "mask-key"
        self.unsent = self.state / "unsent"
        self.agreed = self.state / "producer-urls.json"
        self.addresses = self.state / "addresses.json"
        self.vault_index = self.state / "vault-index.json"
        self.shared_vault_index = state_dir() / "vault-shared.json"
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        brief = state_dir() / "run" / self.key.rpartition("-")[2]
        self.run = Path(runtime) / APP / self.key if runtime else brief
        self.control_socket = self.run / "control.sock"

    def make(self) -> None:
        """Create the project's places, readable by this user alone.

        Raises `ConsoleError` when a place cannot be made, belongs to somebody else, is a link,
        or is too deep for a Unix socket.
        """
        for place in (self.state, self.run):
            private_dir(place)
        if len(os.fsencode(self.run)) > LONGEST_RUN_FOLDER:
            raise ConsoleError(
                f"The folder for sockets has too long a path: {self.run}.",
                hint="Point XDG_RUNTIME_DIR at a short folder of yours.",
            )


def private_dir(place: Path) -> None:
    """Make *place* a folder of this user with mode 0700, or raise `ConsoleError`.

    So are those above it that are ours (from the one called `kiket-console` on); the one above
    those must be such that nobody else can exchange what is in it.
    """
    above = [*place.parents]
    ours = next((n for n, each in enumerate((place, *above), 1) if each.name == APP), 1)
    try:
        for folder in reversed((place, *above)):
            _make(folder)
        _check_holder(above[ours - 1])
        for folder in reversed((place, *above)[:ours]):
            _make_private(folder)
    except OSError as error:
        raise ConsoleError(
            f"Cannot write to the state folder {place}: {error.strerror}.",
            hint="Make it writable, or set XDG_STATE_HOME to a folder that is.",
        ) from error


def _make(folder: Path) -> None:
    """Make a folder where there is none; `mkdir` with parents would leave those open to others."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not folder.is_symlink() and not folder.is_dir():
            raise
    except OSError:
        if not folder.is_dir():  # else it is there, on a file system that cannot be written to
            raise


def _check_holder(folder: Path) -> None:
    seen = folder.stat()
    others_write = seen.st_mode & 0o002 and not seen.st_mode & stat.S_ISVTX
    if seen.st_uid not in {0, os.getuid()} or others_write:
        why = "is open to everybody" if others_write else f"belongs to user {seen.st_uid}"
        raise ConsoleError(
            f"{folder} {why}, so what we keep in it could be exchanged.",
            hint="Point XDG_RUNTIME_DIR and XDG_STATE_HOME at folders of yours.",
        )


def _make_private(folder: Path) -> None:
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode):
        raise ConsoleError(f"{folder} is not a folder.", hint="Move it away and try again.")
    if seen.st_uid != os.getuid():
        raise ConsoleError(
            f"{folder} belongs to user {seen.st_uid}, not to you.",
            hint="Remove it, or set XDG_STATE_HOME to a folder of yours.",
        )
    if stat.S_IMODE(seen.st_mode) != 0o700:
        folder.chmod(0o700)
    if not os.access(folder, os.W_OK | os.X_OK):
        reason = errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(reason, os.strerror(reason))
