"""What the stand-in for the platform answers, from state that a test may change (spec §2.2)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from kiket_sdk.testing._question import Answer, NotAcceptedError, Question, moment, now, number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_sdk.testing.platform import FakePlatform

Route = Callable[["FakePlatform", Question], Answer]


def routed(
    platform: FakePlatform, method: str, path: str, query: Mapping[str, str], body: Any
) -> Answer:
    """Return the status and JSON of the answer to one call."""
    for wanted, pattern, route in _ROUTES:
        match = pattern.fullmatch(path)
        if match is not None and method == wanted:
            names = {name: unquote(text) for name, text in match.groupdict().items()}
            try:
                return route(platform, Question(names, query, body))
            except NotAcceptedError as refused:
                return refused.answer
    return 501, {
        "error": f"The test platform has no {method} {path}; say what it answers: "
        f'kiket_platform.answers["{method} {path}"] = 200, {{…}}.'
    }


def _seen(_platform: FakePlatform, _question: Question) -> Answer:
    return 204, None


def _list_secrets(platform: FakePlatform, _question: Question) -> Answer:
    return 200, [_dated(key) for key in platform.secrets]


def _create_secret(platform: FakePlatform, question: Question) -> Answer:
    secret = question.part("secret")
    key, value = secret.get("key"), secret.get("value")
    if not key or not value:
        raise NotAcceptedError(422, "A secret needs a key and a value.")
    if key in platform.secrets:
        raise NotAcceptedError(422, f"The secret {key!r} exists; update it with PATCH.")
    platform.secrets[key] = value
    return 201, _dated(key)


def _read_secret(platform: FakePlatform, question: Question) -> Answer:
    key = _known_secret(platform, question)
    return 200, _dated(key) | {"value": platform.secrets[key]}


def _change_secret(platform: FakePlatform, question: Question) -> Answer:
    key = _known_secret(platform, question)
    platform.secrets[key] = question.part("secret")["value"]
    return 200, _dated(key)


def _put_secret(platform: FakePlatform, question: Question) -> Answer:
    """Do as other languages' SDKs do, which name the key in the path."""
    platform.secrets[question.names["key"]] = question.body["value"]
    return 200, _dated(question.names["key"])


def _delete_secret(platform: FakePlatform, question: Question) -> Answer:
    del platform.secrets[_known_secret(platform, question)]
    return 204, None


def _known_secret(platform: FakePlatform, question: Question) -> str:
    key = question.names["key"]
    if key not in platform.secrets:
        raise NotAcceptedError(404, f"There is no secret {key!r}.")
    return key


def _dated(key: str) -> dict[str, str]:
    at = "2026-01-05T08:00:00Z"
    return {"key": key, "created_at": at, "updated_at": at}


def _rate_limit(platform: FakePlatform, _question: Question) -> Answer:
    return 200, {
        "rate_limit": {
            "limit": platform.rate_limit,
            "remaining": platform.remaining,
            "window_seconds": 60,
            "reset_in": 60,
        }
    }


def _table(platform: FakePlatform, question: Question) -> list[dict[str, Any]]:
    names = question.names
    return platform.custom_data.setdefault((names["module"], names["table"]), [])


def _list_rows(platform: FakePlatform, question: Question) -> Answer:
    try:
        wanted = json.loads(question.query.get("filters") or "{}").items()
    except (ValueError, AttributeError):
        raise NotAcceptedError(422, "filters must be a JSON object") from None
    rows = _table(platform, question)
    found = [row for row in rows if all(row.get(name) == value for name, value in wanted)]
    return 200, question.limited(found, default=50)


def _row(platform: FakePlatform, question: Question) -> dict[str, Any]:
    return _found(_table(platform, question), question, "row")


def _found(rows: list[dict[str, Any]], question: Question, noun: str) -> dict[str, Any]:
    for row in rows:
        if str(row.get("id")) == question.names["id"] and question.is_of_project(row):
            return row
    raise NotAcceptedError(404, f"There is no {noun} {question.names['id']}.")


def _read_row(platform: FakePlatform, question: Question) -> Answer:
    return 200, {"data": _row(platform, question)}


def _create_row(platform: FakePlatform, question: Question) -> Answer:
    rows, at = _table(platform, question), now()
    row = {
        "id": _next_id(rows),
        **question.part("record"),
        "organization_id": 1,
        "project_id": number(question.query.get("project_id")),
        "created_at": at,
        "updated_at": at,
    }
    rows.append(row)
    return 201, {"data": row}


def _change_row(platform: FakePlatform, question: Question) -> Answer:
    row = _row(platform, question)
    row.update(question.part("record"), updated_at=now())
    return 200, {"data": row}


def _delete_row(platform: FakePlatform, question: Question) -> Answer:
    _table(platform, question).remove(_row(platform, question))
    return 204, None


def _list_sla(platform: FakePlatform, question: Question) -> Answer:
    wanted = {
        name: question.query[name] for name in ("issue_id", "state") if name in question.query
    }
    found = [
        event
        for event in reversed(platform.sla_events)
        if all(str(event.get(name)) == value for name, value in wanted.items())
    ]
    return 200, question.limited(found)


def _list_forms(platform: FakePlatform, question: Question) -> Answer:
    wanted = {name: question.query[name] for name in ("active", "public") if name in question.query}
    found = [
        form
        for form in platform.intake_forms
        if all(str(bool(form.get(name))).lower() == value for name, value in wanted.items())
    ]
    return 200, question.limited(found)


def _form(platform: FakePlatform, question: Question) -> dict[str, Any]:
    for form in platform.intake_forms:
        if form.get("key") == question.names["form"]:
            return form
    raise NotAcceptedError(404, f"There is no form {question.names['form']!r}.")


def _read_form(platform: FakePlatform, question: Question) -> Answer:
    return 200, _form(platform, question)


def _submissions(platform: FakePlatform, question: Question) -> list[dict[str, Any]]:
    _form(platform, question)
    return platform.submissions.setdefault(question.names["form"], [])


def _list_submissions(platform: FakePlatform, question: Question) -> Answer:
    status, since = question.query.get("status"), question.query.get("since")
    found = [
        each
        for each in reversed(_submissions(platform, question))
        if (not status or each.get("status") == status)
        and (not since or moment(each.get("created_at")) >= moment(since))
    ]
    return 200, question.limited(found)


def _read_submission(platform: FakePlatform, question: Question) -> Answer:
    return 200, _found(_submissions(platform, question), question, "submission")


def _create_submission(platform: FakePlatform, question: Question) -> Answer:
    form, submissions, at = _form(platform, question), _submissions(platform, question), now()
    data = question.part("data")
    missing = [
        field["key"]
        for field in form.get("fields") or ()
        if field.get("required") and data.get(field["key"]) in (None, "")
    ]
    if missing:
        return 422, {"errors": {key: ["can't be blank"] for key in missing}}
    submission = {
        "id": _next_id(submissions),
        "intake_form_id": form.get("id"),
        "project_id": number(question.body.get("project_id")),
        "status": "pending",
        "data": data,
        "metadata": question.body.get("metadata"),
        "submitted_by_email": None,
        "reviewed_by": None,
        "reviewed_at": None,
        "notes": None,
        "created_at": at,
        "updated_at": at,
    }
    submissions.append(submission)
    return 201, submission


def _review(status: str) -> Route:
    def review(platform: FakePlatform, question: Question) -> Answer:
        submission = _found(_submissions(platform, question), question, "submission")
        at = now()
        submission.update(
            status=status,
            reviewed_by="test",
            reviewed_at=at,
            updated_at=at,
            notes=question.body.get("notes"),
        )
        return 200, submission

    return review


def _stats(platform: FakePlatform, question: Question) -> Answer:
    found = _submissions(platform, question)
    counts = {
        status: sum(each.get("status") == status for each in found)
        for status in ("pending", "approved", "rejected", "converted")
    }
    return 200, {
        "total_submissions": len(found),
        **counts,
        "period": question.query.get("period"),
    }


def _list_anchors(platform: FakePlatform, question: Question) -> Answer:
    query = question.query
    wanted = {name: query[name] for name in ("status", "network") if name in query}
    found = [
        {name: value for name, value in anchor.items() if name != "records"}
        for anchor in platform.audit.anchors
        if all(anchor.get(name) == value for name, value in wanted.items())
        and ("from" not in query or moment(anchor["created_at"]) >= moment(query["from"]))
        and ("to" not in query or moment(anchor["created_at"]) <= moment(query["to"]))
    ]
    page, size = int(query.get("page", "1")), int(query.get("per_page", "25"))
    pagination = {
        "page": page,
        "per_page": size,
        "total": len(found),
        "total_pages": -(-len(found) // size),
    }
    return 200, {"anchors": found[(page - 1) * size : page * size], "pagination": pagination}


def _read_anchor(platform: FakePlatform, question: Question) -> Answer:
    for anchor in platform.audit.anchors:
        if anchor["merkle_root"] == question.names["root"]:
            with_records = question.query.get("include_records") == "true"
            return 200, {
                name: value for name, value in anchor.items() if with_records or name != "records"
            }
    raise NotAcceptedError(404, f"Nothing is anchored as {question.names['root']}.")


def _read_proof(platform: FakePlatform, question: Question) -> Answer:
    kind = question.query.get("record_type", "AuditLog")
    proof = platform.audit.proofs.get((kind, question.names["id"]))
    if proof is None:
        raise NotAcceptedError(404, f"No {kind} {question.names['id']} is anchored.")
    return 200, proof


def _verify(platform: FakePlatform, question: Question) -> Answer:
    return 200, platform.audit.verify(question.body)


def _comment(platform: FakePlatform, question: Question) -> Answer:
    at = now()
    body = question.part("comment").get("body")
    author = {"id": 1, "name": "test", "email": "test@example.com"}
    made = {"id": len(platform.comments) + 1, "body": body, "author": author}
    platform.comments.append({"issue": question.names["id"], "body": body})
    return 201, made | {"created_at": at, "updated_at": at}


def _next_id(rows: list[dict[str, Any]]) -> int:
    return max((row["id"] for row in rows if isinstance(row.get("id"), int)), default=0) + 1


def _compiled(path: str) -> re.Pattern[str]:
    """Return the pattern of a path in which `{name}` stands for one segment."""
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path)))


_EXTENSION = "/api/v1/extensions"
_SECRETS = f"{_EXTENSION}/{{extension}}/secrets"
_DATA = "/api/v1/ext/custom_data/{module}/{table}"
_FORMS = "/api/v1/ext/intake_forms"
_SUBMISSIONS = f"{_FORMS}/{{form}}/submissions"

_ROUTES: tuple[tuple[str, re.Pattern[str], Route], ...] = tuple(
    (method, _compiled(path), route)
    for method, path, route in (
        ("POST", f"{_EXTENSION}/logs", _seen),
        ("POST", f"{_EXTENSION}/metrics", _seen),
        ("POST", f"{_EXTENSION}/notifications", _seen),
        ("GET", _SECRETS, _list_secrets),
        ("POST", _SECRETS, _create_secret),
        ("GET", f"{_SECRETS}/{{key}}", _read_secret),
        ("PATCH", f"{_SECRETS}/{{key}}", _change_secret),
        ("POST", f"{_SECRETS}/{{key}}", _put_secret),
        ("DELETE", f"{_SECRETS}/{{key}}", _delete_secret),
        ("GET", "/api/v1/ext/rate_limit", _rate_limit),
        ("GET", _DATA, _list_rows),
        ("POST", _DATA, _create_row),
        ("GET", f"{_DATA}/{{id}}", _read_row),
        ("PATCH", f"{_DATA}/{{id}}", _change_row),
        ("DELETE", f"{_DATA}/{{id}}", _delete_row),
        ("GET", "/api/v1/ext/sla/events", _list_sla),
        ("GET", _FORMS, _list_forms),
        ("GET", f"{_FORMS}/{{form}}", _read_form),
        ("GET", _SUBMISSIONS, _list_submissions),
        ("POST", _SUBMISSIONS, _create_submission),
        ("GET", f"{_SUBMISSIONS}/{{id}}", _read_submission),
        ("POST", f"{_SUBMISSIONS}/{{id}}/approve", _review("approved")),
        ("POST", f"{_SUBMISSIONS}/{{id}}/reject", _review("rejected")),
        ("GET", f"{_FORMS}/{{form}}/stats", _stats),
        ("GET", "/api/v1/audit/anchors", _list_anchors),
        ("GET", "/api/v1/audit/anchors/{root}", _read_anchor),
        ("GET", "/api/v1/audit/records/{id}/proof", _read_proof),
        ("POST", "/api/v1/audit/verify", _verify),
        ("POST", "/api/v1/ext", _seen),
        ("POST", "/api/v1/ext/telemetry", _seen),
        ("POST", "/telemetry", _seen),
        ("POST", "/api/v1/ext/issues/{id}/comments", _comment),
    )
)
