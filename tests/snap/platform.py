"""A platform with some state, for pictures and tests of the screen: it answers as it was told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from kiket_console.errors import ConsoleError, ExitCode
from kiket_console.wire import (
    ForcedFailure,
    PlatformCollection,
    PlatformColumn,
    PlatformRows,
    PlatformSettings,
    PlatformState,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CONTACTS = "custom_data.com.example.marketing.contacts"
_MANAGED = (
    PlatformColumn("id", "integer", managed=True),
    PlatformColumn("created_at", "timestamp", managed=True),
)
COLLECTIONS = (
    PlatformCollection(
        CONTACTS, "contacts", "A table of the module com.example.marketing.", 0,
        (
            _MANAGED[0],
            PlatformColumn("email", "text", required=True, unique=True),
            PlatformColumn("name", "text"),
            PlatformColumn("tier", "text", choices=("free", "paid"), default="free"),
            PlatformColumn("score", "integer", default=0),
            PlatformColumn("profile", "json"),
            _MANAGED[1],
        ),
        writable=True,
    ),
    PlatformCollection(
        "notifications", "Notifications", "What your code asked the platform to tell people.", 0,
        (_MANAGED[0], PlatformColumn("title", "text"), PlatformColumn("level", "text")),
        writable=False,
    ),
    PlatformCollection(
        "intake_forms", "Intake forms", "Forms that people fill in; code reads them.", 0,
        (_MANAGED[0], PlatformColumn("key", "text", required=True), PlatformColumn("name", "text")),
        writable=True,
    ),
    PlatformCollection(
        "sla_events", "SLA events", "Issues that are late, or nearly; code reads them.", 0,
        (_MANAGED[0], PlatformColumn("state", "text", choices=("imminent", "breached"))),
        writable=True,
    ),
)  # fmt: skip
ROWS: dict[str, list[dict[str, Any]]] = {
    CONTACTS: [
        {
            "id": 3, "email": "grace@example.com", "name": "Grace Hopper", "tier": "paid",
            "score": 97, "profile": {"company": "Navy", "roles": ["admiral"]},
            "created_at": "2026-11-20T14:06:11Z",
        },
        {
            "id": 2, "email": "karlheinz@example.com", "name": "Karl-Heinz Größe 🎉",
            "tier": "free", "score": 4, "profile": None, "created_at": "2026-11-20T14:05:58Z",
        },
        {
            "id": 1, "email": "ada@example.com", "name": "Ada Lovelace", "tier": "paid",
            "score": 1_815, "profile": {"company": "Analytical Engines"},
            "created_at": "2026-11-20T14:05:07Z",
        },
    ],
    "notifications": [
        {"id": 2, "title": "SLA at risk", "level": "warning"},
        {"id": 1, "title": "A hot lead\x1b[31m", "level": "info"},
    ],
    "intake_forms": [{"id": 1, "key": "access", "name": "Access request"}],
    "sla_events": [],
}  # fmt: skip


class ToldPlatform:
    """Keeps rows in memory, and notes what was asked."""

    def __init__(self) -> None:
        self.kept = {name: [dict(row) for row in rows] for name, rows in ROWS.items()}
        self.removed: dict[tuple[str, int | str], dict[str, Any]] = {}
        self.settings = PlatformSettings()
        self.inbound = {"marketing": "http://127.0.0.1:8700/webhooks/ext/Vn3kQ/{action}"}
        self.problems: tuple[str, ...] = ()
        self.asked: list[tuple[Any, ...]] = []
        self.refusal = ""

    async def state(self) -> PlatformState:
        """Return the collections with how many rows each has."""
        found = tuple(replace(each, count=len(self.kept[each.name])) for each in COLLECTIONS)
        return PlatformState(found, self.settings, self.inbound, self.problems)

    async def rows(
        self, collection: str, *, limit: int, after: int | str = "", find: str = ""
    ) -> PlatformRows:
        """Return a page."""
        del find
        rows = self.kept[collection]
        at = next((place + 1 for place, row in enumerate(rows) if row["id"] == after), 0)
        page = tuple(dict(row) for row in rows[at : at + limit])
        return PlatformRows(page, more=len(rows) > at + limit)

    async def add(self, collection: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """Put a row on top."""
        self._note("add", collection, dict(row))
        rows = self.kept[collection]
        made = {"id": max((each["id"] for each in rows), default=0) + 1, **row}
        rows.insert(0, made)
        return made

    async def change(
        self, collection: str, row_id: int | str, changes: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Change a row."""
        self._note("change", collection, row_id, dict(changes))
        row = next(each for each in self.kept[collection] if each["id"] == row_id)
        row.update(changes)
        return row

    async def remove(self, collection: str, row_id: int | str) -> None:
        """Take a row away."""
        self._note("remove", collection, row_id)
        rows = self.kept[collection]
        row = next(each for each in rows if each["id"] == row_id)
        self.removed[collection, row_id] = row
        rows.remove(row)

    async def restore(self, collection: str, row_id: int | str) -> dict[str, Any]:
        """Bring a row back."""
        self._note("restore", collection, row_id)
        row = self.removed.pop((collection, row_id))
        self.kept[collection].append(row)
        self.kept[collection].sort(key=lambda each: -each["id"])
        return row

    async def set(
        self,
        *,
        rate_limit_per_minute: int | None = None,
        granted_scopes: Sequence[str] | None = None,
        open_tables: bool | None = None,
        failures: Sequence[ForcedFailure] | None = None,
    ) -> PlatformSettings:
        """Change settings."""
        said = {
            "rate_limit_per_minute": rate_limit_per_minute,
            "granted_scopes": None if granted_scopes is None else tuple(granted_scopes),
            "open_tables": open_tables,
            "failures": None if failures is None else tuple(failures),
        }
        changes: dict[str, Any] = {name: each for name, each in said.items() if each is not None}
        self._note("set", changes)
        self.settings = replace(self.settings, **changes)
        return self.settings

    def _note(self, *asked: Any) -> None:
        if self.refusal:
            raise ConsoleError(self.refusal, exit_code=ExitCode.USAGE)
        self.asked.append(asked)
