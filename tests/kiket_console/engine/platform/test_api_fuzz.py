"""Whatever comes, the platform answers in its own words, and stays what it was."""

from __future__ import annotations

import asyncio
import json
import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiket_console.engine.platform.api import Asked
from kiket_console.engine.platform.callers import Caller
from kiket_console.engine.platform.surface import written

if TYPE_CHECKING:
    from tests.kiket_console.engine.platform.conftest import World

    from kiket_console.engine.platform.calls import Reply

EXAMPLES = int(os.environ.get("KIKET_TORTURE_EXAMPLES", "40"))
WORDS = st.sampled_from(
    ["", "1", "27", "access", "pages", "com.example.marketing.pages", "com.example.marketing"]
) | st.text(max_size=12)
SCALARS: Any = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.sampled_from(
        [
            "1",
            "27",
            "0x" + "00" * 32,
            "2026-01-31T12:00:00Z",
            "1e50",
            2**70,
            -1,
            1e300,
            "\ud800",
            "a\0b",
        ]
    )
)
VALUES: Any = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
FIELD_NAMES = """
    secret key value record data project_id metadata notes title body level message name proof
    content_hash merkle_root leaf_index event issue_id state cost details acked_at vendor_ref email
"""
QUERY_NAMES = """
    project_id limit filters state issue_id active public status since period page per_page from to
    network include_records record_type action_name
"""
FIELDS = st.sampled_from(FIELD_NAMES.split())
BODIES = st.recursive(
    st.dictionaries(FIELDS, VALUES | st.dictionaries(FIELDS, VALUES, max_size=4), max_size=5),
    lambda inner: st.dictionaries(FIELDS, inner, max_size=2),
    max_leaves=2,
)
RAW = (
    BODIES.map(lambda body: json.dumps(body).encode())
    | VALUES.map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=20)
)
QUERIES = st.dictionaries(
    st.sampled_from(QUERY_NAMES.split()), WORDS | VALUES.map(json.dumps), max_size=4
)
USUAL = {
    "id": "com.example.marketing",
    "module": "com.example.marketing.pages",
    "table": "pages",
    "form": "access",
    "key": "API_KEY",
    "row": "1",
    "submission": "1",
    "record": "1",
    "issue": "A-1",
}
GOOD = st.fixed_dictionaries(
    {},
    optional={
        "issue_id": st.integers(-5, 2**64),
        "state": st.text(max_size=9),
        "cost": SCALARS,
        "details": VALUES,
        "vendor_ref": WORDS,
        "email": st.sampled_from(["a@b", "x", ""]),
        "notes": SCALARS,
        "value": WORDS,
        "key": st.sampled_from(["API_KEY", "B", ""]),
    },
)
ENVELOPES = st.fixed_dictionaries(
    {"project_id": st.sampled_from(["27", 27, "", None, []])},
    optional={"record": GOOD, "secret": GOOD, "data": GOOD, "metadata": VALUES, "notes": SCALARS},
).map(lambda body: json.dumps(body).encode())
FORM = {"key": "access", "name": "Access", "fields": [{"key": "email", "required": True}]}


@given(
    at=st.integers(0, 200),
    words=st.dictionaries(st.sampled_from(sorted(USUAL)), WORDS, max_size=1),
    query=QUERIES,
    raw=RAW | ENVELOPES | ENVELOPES,
)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_request_makes_the_platform_fail(
    world: World, at: int, words: dict[str, str], query: dict[str, str], raw: bytes
) -> None:
    route = world.api.routes[at % len(world.api.routes)]
    pieces = {"root": "0x0", **USUAL, **words}
    path = re.sub(
        r"\(\?P<(\w+)>[^)]*\)",
        lambda found: quote(pieces[found[1]], safe="") or "x",
        route.path.pattern.replace("(?:/api/v1)?", "/api/v1"),
    ).replace("\\", "")
    query = {"project_id": "27", **query}
    asked = Asked(route.method, path, query, raw, Caller("marketing"))

    async def ask() -> Reply:
        await world.settings.change({"rate_limit_per_minute": 0})
        if not (await world.desk.rows("intake_forms", 1, None, "")).rows:
            await world.desk.add("intake_forms", FORM)
        return await world.api.reply(asked)

    reply = asyncio.run(ask())

    written(reply)
    assert reply.status in {200, 201, 204, 400, 403, 404, 405, 422, 501}, reply
    if reply.status >= 400:
        assert reply.body["error"].endswith((".", ")")), reply.body
