"""Read intake forms and handle what was submitted (`/api/v1/ext/intake_forms`)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from kiket_sdk._answers import decoded
from kiket_sdk._paths import platform_path
from kiket_sdk.exceptions import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kiket_sdk.client import KiketClient

SubmissionStatus = Literal["pending", "approved", "rejected", "converted"]
Period = Literal["day", "week", "month"]

_ROOT = "/api/v1/ext/intake_forms"


class IntakeFormField(TypedDict, total=False):
    """One question of a form."""

    key: str
    label: str
    field_type: str
    required: bool
    options: list[str] | None
    placeholder: str | None
    help_text: str | None


class IntakeForm(TypedDict, total=False):
    """One form; moments are ISO-8601."""

    id: int
    key: str
    name: str
    description: str | None
    active: bool
    public: bool
    fields: list[IntakeFormField]
    form_url: str | None
    embed_allowed: bool
    submissions_count: int
    created_at: str
    updated_at: str


class IntakeSubmission(TypedDict, total=False):
    """One answer to a form; `data` is by field key, moments are ISO-8601."""

    id: int
    intake_form_id: int
    status: SubmissionStatus
    data: dict[str, Any]
    metadata: dict[str, Any] | None
    submitted_by_email: str | None
    reviewed_by: str | None
    reviewed_at: str | None
    notes: str | None
    created_at: str
    updated_at: str


class IntakeFormStats(TypedDict, total=False):
    """How many submissions a form had in a period."""

    total_submissions: int
    pending: int
    approved: int
    rejected: int
    converted: int
    period: str


class IntakeFormListResponse(TypedDict):
    """A listing of forms."""

    data: list[IntakeForm]


class IntakeSubmissionListResponse(TypedDict):
    """A listing of submissions."""

    data: list[IntakeSubmission]


class IntakeFormsClient:
    """The intake forms of one project, and their submissions.

    Calls raise OutboundRequestError when the platform refuses or cannot be reached, and
    ArgumentError for what is missing or cannot be part of a path. Raises ArgumentError without a
    project.
    """

    __slots__ = ("_client", "_project")

    def __init__(self, client: KiketClient, project_id: int | str) -> None:
        if project_id is None:
            raise ArgumentError("project_id is required for intake form operations")
        self._client = client
        self._project = {"project_id": str(project_id)}

    async def list(
        self,
        *,
        active: bool | None = None,
        public_only: bool | None = None,
        limit: int | None = None,
    ) -> IntakeFormListResponse:
        """Return the forms that are active, or public, if so asked."""
        query = self._query(active=active, public=public_only, limit=limit)
        listing: IntakeFormListResponse = decoded(await self._client.get(_ROOT, params=query))
        return listing

    async def get(self, form_key: str) -> IntakeForm:
        """Return one form."""
        form: IntakeForm = decoded(await self._client.get(_form(form_key), params=self._project))
        return form

    def public_url(self, form: Mapping[str, Any]) -> str | None:
        """Return where anybody can fill in a form, None for one that is not public."""
        return form.get("form_url") if form.get("public") else None

    async def list_submissions(
        self,
        form_key: str,
        *,
        status: SubmissionStatus | None = None,
        limit: int | None = None,
        since: datetime | str | None = None,
    ) -> IntakeSubmissionListResponse:
        """Return what was submitted, since a moment or in one status if so asked."""
        moment = since.isoformat() if isinstance(since, datetime) else since
        query = self._query(status=status, limit=limit, since=moment)
        answer = await self._client.get(_submissions(form_key), params=query)
        listing: IntakeSubmissionListResponse = decoded(answer)
        return listing

    async def get_submission(self, form_key: str, submission_id: int | str) -> IntakeSubmission:
        """Return one submission."""
        path = _submissions(form_key, _required("submission_id", submission_id))
        submission: IntakeSubmission = decoded(await self._client.get(path, params=self._project))
        return submission

    async def create_submission(
        self,
        form_key: str,
        data: Mapping[str, Any],
        *,
        metadata: Mapping[str, Any] | None = None,
    ) -> IntakeSubmission:
        """Submit answers, by field key, and return the submission."""
        path = _submissions(form_key)
        content: dict[str, Any] = {**self._project, "data": dict(_required("data", data))}
        if metadata is not None:
            content["metadata"] = dict(metadata)
        return await self._send(path, content)

    async def approve_submission(
        self, form_key: str, submission_id: int | str, *, notes: str | None = None
    ) -> IntakeSubmission:
        """Approve a submission, with notes of the reviewer."""
        return await self._review("approve", form_key, submission_id, notes)

    async def reject_submission(
        self, form_key: str, submission_id: int | str, *, notes: str | None = None
    ) -> IntakeSubmission:
        """Reject a submission, with notes of the reviewer."""
        return await self._review("reject", form_key, submission_id, notes)

    async def stats(self, form_key: str, *, period: Period | None = None) -> IntakeFormStats:
        """Return how many submissions there were, in a period if so asked."""
        path = platform_path(_form(form_key), "stats")
        query = self._query(period=period)
        stats: IntakeFormStats = decoded(await self._client.get(path, params=query))
        return stats

    async def _review(
        self, verb: str, form_key: str, submission_id: int | str, notes: str | None
    ) -> IntakeSubmission:
        path = _submissions(form_key, _required("submission_id", submission_id), verb)
        return await self._send(path, self._project | ({} if notes is None else {"notes": notes}))

    async def _send(self, path: str, content: Mapping[str, Any]) -> IntakeSubmission:
        submission: IntakeSubmission = decoded(await self._client.post(path, json=content))
        return submission

    def _query(self, **values: object) -> dict[str, str]:
        """Return query parameters, all of them text; what is None is left out."""
        given = {name: value for name, value in values.items() if value is not None}
        return self._project | {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in given.items()
        }


def _required(name: str, value: Any) -> Any:
    if value is None:
        raise ArgumentError(f"{name} is required")
    return value


def _form(form_key: str) -> str:
    if not form_key:
        raise ArgumentError("form_key is required")
    return platform_path(_ROOT, form_key)


def _submissions(form_key: str, *further: object) -> str:
    return platform_path(_form(form_key), "submissions", *further)
