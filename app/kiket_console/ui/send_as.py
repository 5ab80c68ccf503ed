"""How an event is made and signed where a person wants another way than its extension prefers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from kiket_console.ui.choices import Choice
from kiket_console.wire import ERAS, ES256

if TYPE_CHECKING:
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.screens.chooser import Chooser
    from kiket_console.wire import Event


class SendAs(Struct, frozen=True):
    """For which release an event is made, in which dialect alone, and whether it is tried again.

    What is empty, or None, is as the extension prefers and the settings say.
    """

    era: str = ""
    dialect: str = ""
    retry: bool | None = None

    def applied(self, event: Event) -> Event:
        """Return the event as it is to be sent."""
        return replace(event, era=self.era, dialect=self.dialect, retry=self.retry)

    def line(self) -> Line:
        """Return what differs from the usual, for a rule's right end; empty when nothing does."""
        said: list[str] = []
        if self.era:
            said.append(f"for {self.era}")
        if self.dialect:
            said.append(f"as {self.dialect} alone")
        if self.retry is not None:
            said.append("tried again" if self.retry else "tried once")
        return [(", ".join(said), "warning")] if said else ()


USUAL: Final = SendAs()
_ERAS: Final = {
    "all": "every release at once: k0, sw1 and a runtime token",
    "v0": "the first release: k0, and no token",
    "interim": "k0, and an opaque token in the payload",
    "newest": "a runtime token in the payload, no signature",
    "other-sdks": "as the other languages' SDKs expect it: kr",
    "april-2026": "the documented platform of April 2026: k1",
}
_DIALECTS: Final = {
    "k0": "hex HMAC of the body; the time is not covered",
    "kr": "hex HMAC of time and body",
    "k1": "sha256= HMAC of time and body",
    "sw1": "Standard Webhooks: id, time and body",
    ES256: "a runtime token in the body, and no signature",
}


def send_as_dialog(now: SendAs) -> Chooser[SendAs]:
    """Return the dialog that asks how events are made from now on."""
    from kiket_console.ui.screens.chooser import Chooser

    choices = [
        Choice("as it prefers", "what the extension's code and kiket.toml say", "", USUAL, "muted"),
        *(
            Choice(f"for {era}", _ERAS.get(era, ""), "release", SendAs(era=era), "muted")
            for era in ERAS
        ),
        *(
            Choice(f"as {dialect}", said, "dialect", SendAs(dialect=dialect), "muted")
            for dialect, said in _DIALECTS.items()
        ),
    ]
    bare = replace(now, retry=None)
    at = next((place for place, each in enumerate(choices) if each.value == bare), 0)
    return Chooser("Make and sign it", choices, selected=at, empty="There is no such way.")
