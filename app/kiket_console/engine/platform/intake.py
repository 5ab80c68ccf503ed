"""Intake forms, and what people sent in with them (kiket-and-kindo.md §2.2 rows 18 to 24).

A person describes forms in the console; extensions read them, submit, approve and reject.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from kiket_console.engine.platform import audit
from kiket_console.engine.platform.calls import Call, RefusedError, Reply, invalid
from kiket_console.engine.platform.collection import Collection
from kiket_console.engine.platform.columns import Column, InvalidError, iso
from kiket_console.engine.platform.columns import moment as moment_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kiket_console.engine.platform.documents import Documents, Row
    from kiket_console.engine.platform.state import State

STATUSES: Final = ("pending", "approved", "rejected", "converted")
PERIODS: Final = {"day": 1, "week": 7, "month": 30}
"""In days."""
PAGE: Final = 50
MOST: Final = 500
_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+", re.ASCII)


def _check_form(_: Documents, form: dict[str, Any]) -> None:
    problems: dict[str, list[str]] = {}
    if not _KEY.fullmatch(form["key"]):
        problems["key"] = ["must be 1 to 64 letters, digits, _ and -"]
    form["fields"] = described = form["fields"] if form["fields"] is not None else []
    if not isinstance(described, list) or not all(_is_field(each) for each in described):
        problems["fields"] = ['must be a list of fields, as {"key": "email", "required": true}']
    else:
        form["fields"] = [_described(each) for each in described]
        keys = [each["key"] for each in described]
        if len(set(keys)) < len(keys):
            problems["fields"] = ["has a key twice"]
    if problems:
        raise InvalidError(problems)


def _is_field(field: object) -> bool:
    return (
        isinstance(field, dict)
        and isinstance(field.get("key"), str)
        and bool(field["key"])
        and isinstance(field.get("options") or [], list)
    )


def _described(field: Mapping[str, Any]) -> dict[str, Any]:
    """Return a form's field with everything that the platform says of one (§2.4)."""
    usual = {
        "key": field["key"],
        "label": str(field["key"]).replace("_", " ").capitalize(),
        "field_type": "text",
        "required": False,
        "options": [],
        "placeholder": None,
        "help_text": None,
    }
    return usual | {name: value for name, value in field.items() if value is not None}


def _check_submission(documents: Documents, submission: dict[str, Any]) -> None:
    form = documents.row(FORMS.name, submission["intake_form_id"])
    if form is None:
        raise InvalidError({"intake_form_id": ["is no form's id"]})
    data = submission["data"]
    if not isinstance(data, dict):
        raise InvalidError({"data": ["must be an object"]})
    problems = {}
    for field in form.fields["fields"]:
        problem = _problem(field, data.get(field["key"]))
        if problem:
            problems[f"data.{field['key']}"] = [problem]
    if problems:
        raise InvalidError(problems)


def _problem(field: Mapping[str, Any], value: Any) -> str:
    """Say what is wrong with the answer to a form's field; empty when it will do."""
    if value is None or value in ("", []):
        return "can't be blank" if field["required"] is True else ""
    values = value if isinstance(value, list) else [value]
    choices = [each["value"] if isinstance(each, dict) else each for each in field["options"]]
    if choices and any(each not in choices for each in values):
        return f"must be one of {', '.join(map(str, choices))}"
    match field["field_type"]:
        case "email" if not (isinstance(value, str) and _EMAIL.fullmatch(value)):
            return "must be an e-mail address"
        case "number" if not _is_number(value):
            return "must be a number"
        case "checkbox" | "boolean" if not (choices or isinstance(value, bool)):
            return "must be true or false"
        case "date":
            try:
                moment_of(value)
            except ValueError:
                return "must be a date as 2026-01-31"
    return ""


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]  # what is none raises
    except (TypeError, ValueError, OverflowError):
        return False
    return not isinstance(value, bool)


FORMS = Collection(
    name="intake_forms",
    title="Intake forms",
    meaning="Forms that extensions read, and that submissions are checked against.",
    columns=(
        Column("key", null=False, unique=True, length=64),
        Column("name", null=False),
        Column("description", "text"),
        Column("active", "boolean", null=False, default=True),
        Column("public", "boolean", null=False, default=False),
        Column("fields", "json"),
        Column("embed_allowed", "boolean", null=False, default=False),
    ),
    check=_check_form,
)
SUBMISSIONS = Collection(
    name="intake_submissions",
    title="Intake submissions",
    meaning="What was sent in with a form; extensions approve and reject it.",
    columns=(
        Column("intake_form_id", "bigint", null=False),
        Column("status", null=False, default="pending", choices=STATUSES),
        Column("data", "json", null=False),
        Column("metadata", "json"),
        Column("submitted_by_email"),
        Column("reviewed_by"),
        Column("reviewed_at", "timestamp"),
        Column("notes", "text"),
    ),
    check=_check_submission,
)


class Intake:
    """Answer for forms and submissions; `base_url` is where the platform is reached."""

    def __init__(self, state: State, base_url: str) -> None:
        self._state = state
        self._base_url = base_url

    async def list(self, call: Call) -> Reply:
        """Answer with forms."""
        call.project()
        limit = call.number("limit", PAGE, MOST)
        asked = {"active": call.flag("active"), "public": call.flag("public")}
        equal = {name: value for name, value in asked.items() if value is not None}

        def work(documents: Documents) -> Reply:
            rows = documents.rows(FORMS.name, equal=equal, limit=limit, oldest_first=True)
            return Reply(200, {"data": [self._form_shown(documents, row) for row in rows]})

        return await self._state.ask(work)

    async def read(self, call: Call) -> Reply:
        """Answer with one form, which is no longer in an envelope."""
        call.project()
        return await self._on_form(
            call, lambda documents, form: Reply(200, self._form_shown(documents, form))
        )

    async def submissions(self, call: Call) -> Reply:
        """Answer with a form's submissions, newest first."""
        call.project()
        limit, since = call.number("limit", PAGE, MOST), call.moment("since")
        status = call.query.get("status", "")
        if status and status not in STATUSES:
            raise invalid("The list makes no sense", {"status": [_one_of(STATUSES)]})

        def work(documents: Documents, form: Row) -> Reply:
            wanted = {"intake_form_id": form.id} | ({"status": status} if status else {})
            since_us = int(since.timestamp() * 1_000_000) if since else None
            rows = documents.rows(SUBMISSIONS.name, equal=wanted, since_us=since_us, limit=limit)
            return Reply(200, {"data": [SUBMISSIONS.shown(row) for row in rows]})

        return await self._on_form(call, work)

    async def submission(self, call: Call) -> Reply:
        """Answer with one submission."""
        call.project()
        return await self._on_form(
            call,
            lambda documents, form: Reply(
                200, SUBMISSIONS.shown(_submission(documents, form, call))
            ),
        )

    async def submit(self, call: Call) -> Reply:
        """Take a submission."""
        sent = call.fields()
        call.project(sent.get("project_id", ""))

        def work(documents: Documents, form: Row) -> Reply:
            if not form.fields["active"]:
                raise RefusedError(422, f"The form {form.fields['key']!r} is not active.")
            data = sent.get("data")
            email = data.get("email") if isinstance(data, dict) else None
            fields = {
                "intake_form_id": form.id,
                "data": data,
                "metadata": sent.get("metadata"),
                "submitted_by_email": email if isinstance(email, str) else None,
            }
            row = SUBMISSIONS.add(documents, fields)
            audit.note(documents, call.caller, "intake_submission.create", _subject(form, row))
            return Reply(201, SUBMISSIONS.shown(row))

        return await self._on_form(call, work)

    async def approve(self, call: Call) -> Reply:
        """Approve a submission that waits."""
        return await self._review(call, "approved")

    async def reject(self, call: Call) -> Reply:
        """Reject a submission that waits."""
        return await self._review(call, "rejected")

    async def stats(self, call: Call) -> Reply:
        """Answer with how many submissions there are of each status, in a period or ever."""
        call.project()
        period = call.query.get("period", "")
        if period and period not in PERIODS:
            raise invalid("The figures make no sense", {"period": [_one_of(tuple(PERIODS))]})

        def work(documents: Documents, form: Row) -> Reply:
            begin = datetime.now(UTC) - timedelta(days=PERIODS[period]) if period else None
            since_us = int(begin.timestamp() * 1_000_000) if begin else None
            counts = {
                status: documents.count(
                    SUBMISSIONS.name,
                    equal={"intake_form_id": form.id, "status": status},
                    since_us=since_us,
                )
                for status in STATUSES
            }
            total = sum(counts.values())
            return Reply(200, {"total_submissions": total, **counts, "period": period or None})

        return await self._on_form(call, work)

    async def _review(self, call: Call, status: str) -> Reply:
        sent = call.fields() if call.raw_body.strip() else {}
        call.project(sent.get("project_id", ""))

        def work(documents: Documents, form: Row) -> Reply:
            row = _submission(documents, form, call)
            if row.fields["status"] != "pending":
                problem = f"The submission is {row.fields['status']} already."
                raise RefusedError(422, problem, errors={"status": ["is not pending"]})
            changes = {
                "status": status,
                "reviewed_by": call.caller or None,
                "reviewed_at": iso(documents.now_us()),
            }
            changes |= {"notes": sent["notes"]} if "notes" in sent else {}
            row = SUBMISSIONS.change(documents, row, changes)
            audit.note(documents, call.caller, f"intake_submission.{status}", _subject(form, row))
            return Reply(200, SUBMISSIONS.shown(row))

        return await self._on_form(call, work)

    async def _on_form(self, call: Call, work: Callable[[Documents, Row], Reply]) -> Reply:
        key = call.parts["form"]

        def found(documents: Documents) -> Reply:
            form = next(iter(documents.rows(FORMS.name, equal={"key": key}, limit=1)), None)
            if form is None:
                known = [row.fields["key"] for row in documents.rows(FORMS.name, limit=5)]
                there = f"there is {', '.join(known)}" if known else "none was added yet"
                raise RefusedError(404, f"There is no intake form {key[:64]!r}; {there}.")
            return work(documents, form)

        try:
            return await self._state.ask(found)
        except InvalidError as error:
            raise invalid("The submission was not taken", error.errors) from None

    def _form_shown(self, documents: Documents, form: Row) -> dict[str, Any]:
        url = f"{self._base_url}/forms/{form.fields['key']}" if form.fields["public"] else None
        of_form = {"intake_form_id": form.id}
        count = documents.count(SUBMISSIONS.name, equal=of_form)
        return {**FORMS.shown(form), "form_url": url, "submissions_count": count}


def _submission(documents: Documents, form: Row, call: Call) -> Row:
    said = call.parts["submission"]
    is_number = said.isascii() and said.isdigit() and len(said) < 19
    row = documents.row(SUBMISSIONS.name, int(said)) if is_number else None
    if row is None or row.fields["intake_form_id"] != form.id:
        key = form.fields["key"]
        raise RefusedError(404, f"There is no submission {said[:64]!r} of the form {key!r}.")
    return row


def _subject(form: Row, row: Row) -> str:
    return f"{form.fields['key']}/{row.id}"


def _one_of(words: tuple[str, ...]) -> str:
    return f"must be one of {', '.join(words)}"
