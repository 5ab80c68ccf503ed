"""What a command is: its id, keys, name, words, and where it applies."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Scope(StrEnum):
    """Where a command applies; inner scopes come first when a key is pressed."""

    APP = "everywhere"
    PLACE = "in every place"
    TRAFFIC = "Traffic"
    PROCESSES = "Processes"
    LOGS = "Logs"
    METRICS = "Metrics"
    SECRETS = "Secrets"
    PRODUCER = "Producer"
    PLATFORM = "Platform"
    DIFF = "a difference"
    LIST = "lists and text"
    VIEW = "text"
    CHOOSER = "lists to choose from"
    DIALOG = "questions"
    PROMPT = "a line to type into"
    EDITOR = "an editor"
    MESSAGE = "a message to send"
    PREVIEW = "a dry run"
    WAYS = "ways to send again"
    PROGRESS = "sending several"
    TRIGGER = "an event to send"
    ROW = "a row of the platform"
    FIELD = "a field to choose in"
    SECRET = "a secret"  # noqa: S105 - what a form is of
    NAMES = "secrets of a file"
    SETUP = "a setup wizard"
    JUMP = "jump mode"


PLACES = (
    Scope.TRAFFIC, Scope.PROCESSES, Scope.LOGS, Scope.METRICS, Scope.SECRETS, Scope.PRODUCER,
    Scope.PLATFORM,
)  # fmt: skip
TYPING = (
    Scope.CHOOSER, Scope.PROMPT, Scope.EDITOR, Scope.MESSAGE, Scope.WAYS, Scope.TRIGGER, Scope.ROW,
    Scope.SECRET, Scope.JUMP,
)  # fmt: skip
"""Where a person types: only keys with ctrl or alt, function keys and the like can be commands."""
_OUTER = (Scope.APP, Scope.PLACE, *PLACES, Scope.LIST, Scope.VIEW)
TOGETHER = (
    *((Scope.APP, Scope.PLACE, place, Scope.LIST, Scope.VIEW) for place in PLACES),
    *((Scope.APP, inner) for inner in Scope if inner not in _OUTER),
)
"""Scopes whose keys are heard at the same time: in these a key does one thing.

A text that has the focus comes before its place: `enter` folds there, `/` searches.
"""


class Mode(StrEnum):
    """What a screen is used for at the moment; the footer goes by it."""

    LIST = "list"
    DETAILS = "details"
    EMPTY = "empty"
    FILTERED = "filtered"
    """A filter lets no row through."""
    SELECTION = "selection"
    """Several rows are selected."""
    INSIDE = "inside"
    """The rows are those of something that was entered."""
    WRITING = "writing"
    """A person types."""
    MISSING = "missing"
    """The selected row stands for something that is not there."""


class Argument(StrEnum):
    """What may follow a command's name on the `:` line; offers go by it."""

    TEXT = "text"
    NAME = "name"
    EXCHANGE = "number"
    FILTER = "filter"
    SAVED_FILTER = "saved filter"
    THEME = "theme"
    WORKER = "worker"
    COLLECTION = "collection"
    FAILURE = "call"
    EVENT = "event"
    COLUMN = "column"


class Command(Struct, frozen=True):
    """One thing a person can do."""

    id: str
    keys: str
    """Comma-separated key names, the first is the one that is shown; empty when it is run by its
    name alone."""
    action: str
    """The Textual action that carries it out: a name for the screen, `app.` and a name for the
    program."""
    label: str
    help: str
    scope: Scope
    palette: bool = True
    """Whether it makes sense without a key: moves of the cursor do not."""
    names: str = ""
    """Comma-separated names on the `:` line; empty: what stands last in the id."""
    argument: Argument | None = None
    """What may follow its name; the action's method then takes it as a text, empty without one."""
    needs_argument: bool = False
    """Whether it can do nothing without: by key or palette it then asks for one."""
    priority: bool = False
    """Whether its keys are heard before anything else, also in dialogs and while typing."""
    pair: str = ""
    """The id of the command that does the opposite: both keys are shown as one."""

    @property
    def key_names(self) -> tuple[str, ...]:
        """The names of its keys."""
        return tuple(key.strip() for key in self.keys.split(",") if key.strip())

    @property
    def key(self) -> str:
        """The first key as a person reads it; empty without one."""
        return shown_key(self.key_names[0]) if self.key_names else ""

    @property
    def all_names(self) -> tuple[str, ...]:
        """The names on the `:` line, the one to show first."""
        return tuple((self.names or self.id.rpartition(".")[2]).split(","))


_SHOWN_KEYS = {
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "right_curly_bracket": "}",
    "left_curly_bracket": "{",
    "exclamation_mark": "!",
    "quotation_mark": '"',
    "number_sign": "#",
    "dollar_sign": "$",
    "percent_sign": "%",
    "ampersand": "&",
    "apostrophe": "'",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
    "asterisk": "*",
    "plus": "+",
    "comma": ",",
    "minus": "-",
    "full_stop": ".",
    "slash": "/",
    "colon": ":",
    "semicolon": ";",
    "less_than_sign": "<",
    "equals_sign": "=",
    "greater_than_sign": ">",
    "at": "@",
    "backslash": "\\",
    "circumflex_accent": "^",
    "underscore": "_",
    "grave_accent": "`",
    "vertical_line": "|",
    "tilde": "~",
    "pagedown": "pgdn",
    "delete": "del",
    "pageup": "pgup",
    "escape": "esc",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}
KEYS_OF_SIGNS = {sign: name for name, sign in _SHOWN_KEYS.items() if len(sign) == 1}


def shown_key(key: str) -> str:
    """Return a key's name as a person reads it: `?`, `esc`, `ctrl+p`."""
    modifiers, plus, name = key.rpartition("+")
    return modifiers + plus + _SHOWN_KEYS.get(name, name)
