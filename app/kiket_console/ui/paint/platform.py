"""What the platform keeps, as lines: its collections, what is known of one, and its settings."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from kiket_console.model import Body
from kiket_console.text import cell_width, duration, fit, fit_right, plural, visible
from kiket_console.ui.paint.body import BodyView
from kiket_console.ui.paint.labels import MARGIN, address, labelled, sentence
from kiket_console.ui.paint.line import cut, joined, shortened, wrap
from kiket_console.ui.paint.table import Table, cell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kiket_console.engine_status import EngineStatus
    from kiket_console.ui.paint.line import Line
    from kiket_console.ui.paint.teach import KeyOf
    from kiket_console.wire import (
        ForcedFailure,
        PlatformCollection,
        PlatformColumn,
        PlatformSettings,
        PlatformState,
    )

ALL: Final = "*"
CUSTOM: Final = "custom_data."
PREVIEW: Final = 50
"""So many rows of a collection are drawn below what is known of it."""
_TITLE = 24
_TITLE_BESIDE_LITTLE = 18
"""As wide as the longest title of ours."""
_WIDE = 100
_COUNT = 7


# The list


def header(width: int) -> Line:
    """Return the names of the columns of the list of collections."""
    cells = _title_cells(width)
    said = f"  {fit('collection', cells)}  {fit_right('rows', _COUNT)}  {'what it is'}"
    return cut([(said, "muted")], width)


def collection_row(collection: PlatformCollection, width: int) -> Line:
    """Return a collection as a row: its title, how many rows it has, what it is."""
    cells = _title_cells(width)
    left = width - cells - _COUNT - 8
    return [
        ("  ", ""),
        (fit(title(collection), cells) + "  ", ""),
        (fit_right(f"{collection.count:,}", _COUNT) + "  ", "" if collection.count else "muted"),
        (shortened(visible(collection.meaning), left) if left > 0 else "", "muted"),
    ]


def title(collection: PlatformCollection) -> str:
    """Return what a collection is called: a table of a module by its own name alone."""
    if collection.name.startswith(CUSTOM):
        return visible(collection.name.rpartition(".")[2])
    return visible(collection.title)


def settings_row(platform: PlatformState, width: int) -> Line:
    """Return the row below the collections: how the platform behaves, in a few words."""
    cells = _title_cells(width)
    pieces = [
        ("  ", ""),
        (fit("Settings", cells + _COUNT + 2) + "  ", ""),
        (rate(platform.settings), "muted"),
        (" · ", "faint"),
        (scopes(platform.settings), "muted" if ALL in platform.settings.granted_scopes else ""),
    ]
    if platform.settings.failures:
        pieces += [(" · ", "faint"), (forced(platform.settings), "warning")]
    return cut(pieces, width)


def summary(platform: PlatformState) -> Line:
    """Return how much there is, and what a person should not forget."""
    rows = sum(each.count for each in platform.collections)
    said = f"{plural(len(platform.collections), 'collection')}, {plural(rows, 'row')}"
    pieces = [(said, "muted")]
    if platform.settings.failures:
        pieces += [(" · ", "faint"), (forced(platform.settings), "warning")]
    return pieces


def rate(settings: PlatformSettings) -> str:
    """Write the rate limit."""
    limit = settings.rate_limit_per_minute
    return f"{plural(limit, 'call')} a minute" if limit else "no rate limit"


def scopes(settings: PlatformSettings) -> str:
    """Write how much tokens allow."""
    granted = settings.granted_scopes
    if ALL in granted:
        return "all scopes"
    return plural(len(granted), "scope") if granted else "no scope"


def forced(settings: PlatformSettings) -> str:
    """Write how many kinds of calls are made to fail."""
    count = len(settings.failures)
    return "1 failure is forced" if count == 1 else f"{count} failures are forced"


# What is known of one


def collection_lines(
    collection: PlatformCollection,
    rows: Sequence[Mapping[str, Any]] | None,
    status: EngineStatus | None,
    width: int,
    key: KeyOf,
) -> list[Line]:
    """Return what a collection is, where it is served, its columns and its newest rows."""
    lines = wrap(collection.meaning, width - 2, "", MARGIN)
    if url := served_at(collection, status):
        lines += address("Served at", url, width)
    given = [each for each in collection.columns if not each.managed]
    if given:
        lines += labelled("Columns", [_column(each) for each in given], width)
    if not collection.writable:
        lines += labelled("Changes", [[("only by calls of your code", "muted")]], width)
    lines.append([])
    if rows is None:
        return [*lines, [(f"{MARGIN}reading …", "muted")]]
    if not rows:
        return [*lines, *no_rows(collection, width, key)]
    table = Table(rows, [each.name for each in collection.columns])
    lines.append(table.header(width))
    lines += [table.line(row, width) for row in rows[:PREVIEW]]
    if len(rows) > PREVIEW:
        lines.append([(f"{MARGIN}… ", "muted"), (key("open"), "accent"), (" shows all", "muted")])
    return lines


def no_rows(collection: PlatformCollection, width: int, key: KeyOf) -> list[Line]:
    """Return how rows come into an empty collection."""
    lines: list[Line] = [[(f"{MARGIN}It has no rows yet.", "strong")]]
    if collection.writable:
        lines.append(
            [(f"{MARGIN}Press ", ""), (key("platform.add"), "accent"), (" to add one.", "")]
        )
    said = "What your code sends appears here as it comes."
    return [*lines, *wrap(said, width - 2, "muted", MARGIN)]


def served_at(collection: PlatformCollection, status: EngineStatus | None) -> str:
    """Return where code finds a collection; empty where it has no place of its own."""
    if status is None:
        return ""
    base = f"{status.platform_url.rstrip('/')}/api/v1"
    place = _place(collection)
    return f"{base}/{place}" if place else ""


def called_at(collection: PlatformCollection) -> str:
    """Return how the paths of calls to a collection begin, below `/api/v1/`."""
    return _place(collection).partition("{")[0].rstrip("/")


def _place(collection: PlatformCollection) -> str:
    if collection.name.startswith(CUSTOM):
        module, _, table = collection.name.removeprefix(CUSTOM).rpartition(".")
        return f"ext/custom_data/{module}/{table}"
    return _PLACES.get(collection.name, "")


_PLACES: Final = {
    "notifications": "extensions/notifications",
    "intake_forms": "ext/intake_forms",
    "intake_submissions": "ext/intake_forms/{key}/submissions",
    "issues": "ext/issues",
    "issue_comments": "ext/issues/{key}/comments",
    "sla_events": "ext/sla/events",
    "audit_anchors": "audit/anchors",
}


def settings_lines(
    platform: PlatformState, status: EngineStatus | None, width: int, key: KeyOf
) -> list[Line]:
    """Return how the platform behaves, where it is, and the keys that change it."""
    lines = [*behaviour(platform.settings, width), [], *addresses(platform, status, width), []]
    for id_, said in (
        ("platform.edit", "changes them"),
        ("platform.fail", "makes calls fail, or late"),
        ("platform.copy-url", "copies where others send their webhooks to"),
    ):
        lines.append([(f"{MARGIN}{fit(key(id_), 4)}", "accent"), (said, "muted")])
    return lines


def behaviour(settings: PlatformSettings, width: int) -> list[Line]:
    """Return how the platform behaves."""
    each = " for each extension" if settings.rate_limit_per_minute else ""
    lines = labelled("Rate limit", [[(rate(settings), ""), (each, "muted")]], width)
    if ALL in settings.granted_scopes:
        granted: list[Line] = [[("all of them", ""), (" (*)", "muted")]]
    else:
        granted = [[(visible(scope), "")] for scope in settings.granted_scopes]
    lines += labelled("Scopes", granted, width)
    tables = "any, without a check" if settings.open_tables else "those of the modules' schemas"
    lines += labelled("Tables", [[(tables, "warning" if settings.open_tables else "")]], width)
    for number, failure in enumerate(settings.failures):
        lines += labelled("" if number else "Failures", [failure_line(failure)], width)
    if not settings.failures:
        lines += labelled("Failures", [[("none is forced", "muted")]], width)
    return lines


def addresses(platform: PlatformState, status: EngineStatus | None, width: int) -> list[Line]:
    """Return where the platform is, and what is wrong with what it was told of tables."""
    lines: list[Line] = []
    if status is not None:
        lines += address("API", status.platform_url, width)
    for number, (name, url) in enumerate(platform.inbound_urls.items()):
        label = "" if number else "Inbound"
        if len(platform.inbound_urls) > 1:
            lines += labelled(label, [[(visible(name), "muted")]], width)
            label = ""
        lines += address(label, url, width)  # whole: it is read off, and typed elsewhere
    for number, problem in enumerate(platform.problems):
        lines += sentence("" if number else "Schemas", problem, width, "warning")
    return lines


def failure_line(failure: ForcedFailure) -> Line:
    """Return what is answered in place of some calls, and how often still."""
    late = f" after {duration(failure.delay_ms * 1000)}" if failure.delay_ms else ""
    answer = f"{failure.status}{late}" if failure.status else f"as usual{late}"
    often = f"{plural(failure.times, 'more time')}" if failure.times else "until it is taken out"
    return [
        (visible(failure.route), "strong"),
        ("  ", ""),
        (answer, "error" if failure.status >= 400 else "warning"),
        (f"  {often}", "muted"),
    ]


def columns_lines(collection: PlatformCollection, width: int) -> list[Line]:
    """Return the columns that a row can be given, one below the other."""
    given = [each for each in collection.columns if not each.managed]
    if not given:
        return wrap("Any names and values are taken.", width - 2, "muted", MARGIN)
    names = max(cell_width(visible(each.name)) for each in given)
    kinds = max(len(each.kind) for each in given)
    return [
        cut(
            [
                (MARGIN + fit(visible(each.name), min(names, _TITLE)) + "  ", "name"),
                (fit(visible(each.kind), kinds) + "  ", "muted"),
                *joined(_rules(each)),
            ],
            width,
        )
        for each in given
    ]


def settings_about(width: int) -> list[Line]:
    """Return what the settings mean."""
    lines: list[Line] = []
    for name, said in (
        ("rate_limit_per_minute", "calls of each extension in a minute; 0: no limit"),
        ("granted_scopes", "what the token of a delivery allows; *: everything"),
        ("open_tables", "take custom data of any table, without a check"),
        ("failures", "what is answered in place of some routes"),
    ):
        lines.append(cut([(MARGIN, ""), (f"{name}  ", "name"), (said, "muted")], width))
    return lines


def json_of(row: Mapping[str, Any]) -> bytes:
    """Return a row as JSON."""
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass")


def view_of(raw: bytes) -> BodyView:
    """Return JSON as something to read and fold."""
    return BodyView(Body(raw, len(raw), hashlib.sha256(raw).digest()), "application/json")


def _column(column: PlatformColumn) -> Line:
    """Return a column and what holds for it, briefly."""
    kind: Line = [(visible(column.name), "name"), (f" {visible(column.kind)}", "muted")]
    return joined([kind, *_rules(column)], " ")


def _rules(column: PlatformColumn) -> list[Line]:
    """Return what holds for the values of a column."""
    found: list[Line] = []
    if column.required:
        found.append([("required", "warning")])
    if column.unique:
        found.append([("unique", "muted")])
    if column.choices:
        found.append([(visible(" | ".join(column.choices)), "")])
    if column.default is not None:
        found.append([(f"default {cell(column.default)[0]}", "muted")])
    return found


def _title_cells(width: int) -> int:
    most = _TITLE if width >= _WIDE else _TITLE_BESIDE_LITTLE
    return max(8, min(most, width - _COUNT - 6))
