"""Issues and comments (kiket-and-kindo.md §2.2 row 35, §2.4).

The platform knows the issues of the events that it sends: what a delivery says of one is what a
handler finds when it asks for it. A person can add others.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, Final

from kiket_console.engine.platform import audit
from kiket_console.engine.platform.calls import Call, RefusedError, Reply, invalid, pages_of
from kiket_console.engine.platform.collection import Collection
from kiket_console.engine.platform.columns import Column, InvalidError
from kiket_console.engine.platform.delivery import PROJECT_ID
from kiket_console.errors import ConsoleError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kiket_console.engine.platform.documents import Documents, Row
    from kiket_console.engine.platform.state import State
    from kiket_console.engine.ports import Deliver, Delivery, Outcome

PRIORITIES: Final = ("low", "medium", "high", "critical")
TYPES: Final = ("Epic", "UserStory", "Task", "Bug")
PAGE: Final = 25
MOST: Final = 100
_FILTERS: Final = ("status", "workflow_state", "priority", "issue_type")
_PAGES: Final = 10_000
_LEARNED_BYTES: Final = 1024 * 1024
_MOST_ID: Final = 2**53


def _check_issue(documents: Documents, issue: dict[str, Any]) -> None:
    labels = issue["labels"]
    if not isinstance(labels, list) or not all(isinstance(each, str) for each in labels):
        raise InvalidError({"labels": ["must be a list of texts"]})
    for name in ("assignee", "custom_fields"):
        if issue[name] is not None and not isinstance(issue[name], dict | list):
            raise InvalidError({name: ["must be an object"]})
    issue["key"] = issue["key"] or f"ISSUE-{documents.newest(ISSUES.name) + 1}"
    issue["workflow_state"] = issue["workflow_state"] or issue["status"]


def _check_comment(documents: Documents, comment: dict[str, Any]) -> None:
    if documents.row(ISSUES.name, comment["issue_id"]) is None:
        raise InvalidError({"issue_id": ["is no issue's id"]})


ISSUES = Collection(
    name="issues",
    title="Issues",
    meaning="Those of the events that were sent from here, and those that extensions or you made.",
    columns=(
        Column("key", unique=True, length=64),
        Column("title", null=False),
        Column("description", "text"),
        Column("status", null=False, default="open"),
        Column("workflow_state"),
        Column("priority", null=False, default="medium", choices=PRIORITIES),
        Column("issue_type", null=False, default="Task", choices=TYPES),
        Column("labels", "json", null=False, default=[]),
        Column("assignee", "json"),
        Column("parent_id", "bigint"),
        Column("parent_key"),
        Column("project_id", "id", null=False, default=PROJECT_ID),
        Column("custom_fields", "json"),
    ),
    check=_check_issue,
)
_NAMES: Final = tuple(column.name for column in ISSUES.columns)
COMMENTS = Collection(
    name="issue_comments",
    title="Issue comments",
    meaning="What was said of issues by extensions, or by you.",
    columns=(
        Column("issue_id", "bigint", null=False),
        Column("body", "text", null=False),
        Column("author", "json"),
    ),
    check=_check_comment,
)


class Issues:
    """Answer for issues."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def list(self, call: Call) -> Reply:
        """Answer with a page of issues, newest first."""
        page, per_page = call.number("page", 1, _PAGES), call.number("per_page", PAGE, MOST)
        per_page = call.number("limit", per_page, MOST)
        equal: dict[str, Any] = {
            name: call.query[name] for name in _FILTERS if call.query.get(name)
        }
        if call.query.get("project_id"):
            equal["project_id"] = call.project()

        def work(documents: Documents) -> Reply:
            rows = documents.rows(
                ISSUES.name, equal=equal, limit=per_page, offset=(page - 1) * per_page
            )
            shown = [ISSUES.shown(row) for row in rows]
            pagination = pages_of(documents.count(ISSUES.name, equal=equal), page, per_page)
            return Reply(200, {"issues": shown, "pagination": pagination})

        return await self._state.ask(work)

    async def read(self, call: Call) -> Reply:
        """Answer with one issue, by its key or id."""
        return await self._state.ask(
            lambda documents: Reply(200, ISSUES.shown(_issue(documents, call)))
        )

    async def create(self, call: Call) -> Reply:
        """Make an issue."""
        sent = _sent(call, "issue")

        def work(documents: Documents) -> Reply:
            row = ISSUES.add(documents, sent)
            audit.note(documents, call.caller, "issue.create", row.fields["key"])
            return Reply(201, ISSUES.shown(row))

        return await self._changed("issue", work)

    async def change(self, call: Call) -> Reply:
        """Change what is sent of an issue."""
        sent = _sent(call, "issue")

        def work(documents: Documents) -> Reply:
            row = ISSUES.change(documents, _issue(documents, call), sent)
            audit.note(documents, call.caller, "issue.update", row.fields["key"])
            return Reply(200, ISSUES.shown(row))

        return await self._changed("issue", work)

    async def comment(self, call: Call) -> Reply:
        """Say something of an issue."""
        sent = _sent(call, "comment")

        def work(documents: Documents) -> Reply:
            issue = _issue(documents, call)
            author = {"id": None, "name": call.caller or None, "email": None}
            fields = {"issue_id": issue.id, "body": sent.get("body"), "author": author}
            row = COMMENTS.add(documents, fields)
            audit.note(documents, call.caller, "comment.create", f"{issue.fields['key']}/{row.id}")
            return Reply(201, COMMENTS.shown(row))

        return await self._changed("comment", work)

    async def transition(self, call: Call) -> Reply:
        """Move an issue to a state."""
        state = _sent(call, "transition").get("state")
        if not isinstance(state, str) or not state.strip():
            raise invalid("The issue was not moved", {"state": ["can't be blank"]})

        def work(documents: Documents) -> Reply:
            issue = _issue(documents, call)
            row = ISSUES.change(documents, issue, {"workflow_state": state, "status": state})
            audit.note(documents, call.caller, "issue.transition", f"{row.fields['key']}: {state}")
            return Reply(200, ISSUES.shown(row))

        return await self._changed("issue", work)

    def learning(self, deliver: Deliver) -> Deliver:
        """Return *deliver*, before which what a delivery says of an issue is taken note of."""

        async def known(delivery: Delivery) -> Outcome:
            with contextlib.suppress(ConsoleError):  # a delivery is worth more than this
                await self.learn(delivery.raw_body)
            return await deliver(delivery)

        return known

    async def learn(self, raw_body: bytes) -> None:
        """Take note of what a delivery's body says of an issue, if it does."""
        if b'"issue"' not in raw_body or len(raw_body) > _LEARNED_BYTES:
            return
        try:
            issue = json.loads(raw_body)["issue"]
        except (ValueError, LookupError, TypeError, RecursionError):
            return
        if isinstance(issue, dict):
            await self._state.ask(lambda documents: _learn(documents, issue))

    async def _changed(self, what: str, work: Callable[[Documents], Reply]) -> Reply:
        try:
            return await self._state.ask(work)
        except InvalidError as error:
            raise invalid(f"The {what} was not kept", error.errors) from None


def _learn(documents: Documents, issue: Mapping[str, Any]) -> None:
    row_id = issue.get("id")
    if isinstance(row_id, bool) or not isinstance(row_id, int) or not 0 < row_id < _MOST_ID:
        return
    said = {name: issue[name] for name in _NAMES if issue.get(name) is not None}
    said.setdefault("title", str(said.get("key") or f"Issue {row_id}"))
    row = documents.row(ISSUES.name, row_id) or documents.restore(ISSUES.name, row_id)
    if row is not None and "title" not in issue:
        del said["title"]
    while True:
        try:
            _keep(documents, row, row_id, said)
            return
        except InvalidError as error:  # what does not fit is left out, and the rest is known
            unfit = [name for name in error.errors if name in said]
            if not unfit:
                return
            for name in unfit:
                del said[name]


def _keep(documents: Documents, row: Row | None, row_id: int, said: Mapping[str, Any]) -> None:
    if row is None:
        documents.add(ISSUES.name, ISSUES.checked(documents, said), row_id)
    elif any(row.fields.get(name) != value for name, value in said.items()):
        ISSUES.change(documents, row, said)


def _issue(documents: Documents, call: Call) -> Row:
    said = call.parts["issue"]
    found = documents.rows(ISSUES.name, equal={"key": said}, limit=1)
    if not found and said.isascii() and said.isdigit() and len(said) < 17:
        row = documents.row(ISSUES.name, int(said))
        found = [row] if row else []
    if not found:
        raise RefusedError(
            404, f"There is no issue {said[:64]!r}; send an event of it, or add it in the console."
        )
    return found[0]


def _sent(call: Call, what: str) -> dict[str, Any]:
    fields = call.fields()
    sent = fields.get(what, fields)
    if not isinstance(sent, dict):
        raise invalid(f"The {what} was not kept", {what: ["must be an object"]})
    return sent
