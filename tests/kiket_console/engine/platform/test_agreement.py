"""The platform that tests of handlers run against answers as the console's platform does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kiket_sdk import ExtensionEndpoints, KiketClient
from kiket_sdk.exceptions import KiketSDKError, OutboundRequestError
from kiket_sdk.testing import fake_platform

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from tests.kiket_console.engine.platform.conftest import World

ID = "com.example.marketing"
PAGES = ("com.example.marketing.pages", "pages")
FORM: dict[str, Any] = {
    "key": "access",
    "name": "Access request",
    "active": True,
    "public": True,
    "fields": [{"key": "email", "required": True}],
}
EVENTS = [
    {"issue_id": 7, "state": "imminent", "project_id": 27},
    {"issue_id": 7, "state": "breached", "project_id": 27},
    {"issue_id": 8, "state": "breached", "project_id": 99},
]

Both = tuple[ExtensionEndpoints, ExtensionEndpoints]


@pytest.fixture
async def both(world: World) -> AsyncIterator[Both]:
    """Return the calls of a handler, to the console's platform and to the test's."""
    await world.desk.add("intake_forms", FORM)
    for event in EVENTS:
        await world.desk.add("sla_events", event)
    with fake_platform() as kiket:
        kiket.intake_forms.append({"id": 1, **FORM})
        kiket.sla_events += [{"id": number, **event} for number, event in enumerate(EVENTS, 1)]
        async with KiketClient(kiket.url, "wk_test") as client, world.sdk() as console:
            yield ExtensionEndpoints(console, ID), ExtensionEndpoints(client, ID)


async def outcome(call: Awaitable[Any]) -> Any:
    """Return what a call returned, or the status that it was refused with."""
    try:
        return await call
    except KiketSDKError as exc:
        refused: BaseException | None = exc
        while not isinstance(refused, OutboundRequestError):
            assert refused is not None
            refused = refused.__cause__
        return refused.status_code


def some(found: Any, *names: str) -> Any:
    """Return the members of a row, or of each row of a listing, that are not made up."""
    if isinstance(found, int):
        return found
    rows = found["data"] if set(found) == {"data"} else found
    if isinstance(rows, list):
        return [some(row, *names) for row in rows]
    return {name: rows.get(name) for name in names}


async def test_custom_data(both: Both) -> None:
    async def use(endpoints: ExtensionEndpoints) -> list[Any]:
        pages = endpoints.custom_data(27)
        names = ("id", "issue_id", "state", "vendor_ref", "project_id")
        sent = {"issue_id": 7, "state": "sent"}
        return [
            some(await pages.create(*PAGES, sent), *names),
            some(await pages.create(*PAGES, sent | {"vendor_ref": "v2"}), *names),
            some(await pages.update(*PAGES, 1, {"state": "acked"}), *names),
            some(await pages.get(*PAGES, "1"), *names),
            some(await pages.list(*PAGES), *names),
            some(await pages.list(*PAGES, limit=1), *names),
            some(await pages.list(*PAGES, filters={"state": "acked"}), *names),
            some(await endpoints.custom_data(28).list(*PAGES), *names),
            await outcome(endpoints.custom_data(28).get(*PAGES, 1)),
            await outcome(pages.delete(*PAGES, 1)),
            await outcome(pages.get(*PAGES, 1)),
            await outcome(pages.delete(*PAGES, 1)),
        ]

    console, test = both
    assert await use(test) == await use(console)


async def test_intake_forms(both: Both) -> None:
    async def use(endpoints: ExtensionEndpoints) -> list[Any]:
        forms = endpoints.intake_forms(27)
        names = ("id", "status", "data", "metadata", "notes", "intake_form_id")
        good = {"email": "ada@example.com"}
        return [
            some(await forms.list(active=True), "id", "key", "name", "public", "active"),
            some(await forms.list(active=False), "key"),
            some(await forms.get("access"), "key", "name"),
            await outcome(forms.get("nothing")),
            some(await forms.create_submission("access", good, metadata={"a": 1}), *names),
            some(await forms.create_submission("access", good), *names),
            await outcome(forms.create_submission("access", {})),
            some(await forms.approve_submission("access", 1, notes="fine"), *names),
            some(await forms.reject_submission("access", 2), *names),
            some(await forms.list_submissions("access"), *names),
            some(await forms.list_submissions("access", limit=1), *names),
            some(await forms.list_submissions("access", status="approved"), *names),
            some(await forms.get_submission("access", 2), *names),
            await outcome(forms.get_submission("access", 9)),
            await forms.stats("access", period="week"),
            await forms.stats("access"),
        ]

    console, test = both
    assert await use(test) == await use(console)


async def test_service_levels(both: Both) -> None:
    async def use(endpoints: ExtensionEndpoints) -> list[Any]:
        sla = endpoints.sla_events(27)
        names = ("id", "issue_id", "state", "project_id")
        return [
            some(await sla.list(), *names),
            some(await sla.list(state="breached"), *names),
            some(await sla.list(issue_id=7, limit=1), *names),
            some(await endpoints.sla_events(99).list(), *names),
            some(await sla.get(2), *names),
            await outcome(sla.get(3)),
        ]

    console, test = both
    assert await use(test) == await use(console)


async def test_secrets(both: Both) -> None:
    async def use(endpoints: ExtensionEndpoints) -> list[Any]:
        secrets = endpoints.secrets
        await secrets.set("A", "first value")
        await secrets.set("A", "second value")
        await secrets.set("B", "of b alone")
        return [
            (await secrets.get("A")).value,
            sorted(each.key for each in await secrets.list()),
            await outcome(secrets.delete("A")),
            await outcome(secrets.get("A")),
            await outcome(secrets.delete("A")),
        ]

    console, test = both
    assert await use(test) == await use(console)


async def test_what_is_only_told_and_what_is_not_known(both: Both) -> None:
    async def use(endpoints: ExtensionEndpoints) -> list[Any]:
        limit = await endpoints.rate_limit()
        return [
            await outcome(endpoints.log_event("m", a=1)),
            await outcome(endpoints.emit_metric("n", 1.5)),
            await outcome(endpoints.notify("t", "b")),
            (limit["limit"], limit["window_seconds"]),
            await outcome(endpoints.client.get("/api/v1/nowhere")),
            (await endpoints.audit.list_anchors(status="failed"))[1],
            [type(await outcome(endpoints.audit.get_anchor("0xab")))],
        ]

    console, test = both
    assert await use(test) == await use(console)
