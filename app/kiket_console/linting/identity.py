"""Rules for what an extension is, and where its deliveries go."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kiket_console.linting.report import is_url
from kiket_sdk._manifest_delivery import LONGEST_TIMEOUT_MS, SHORTEST_TIMEOUT_MS
from kiket_sdk.utils import environment_reference

if TYPE_CHECKING:
    from pathlib import Path

    from kiket_console.linting.report import Part

LANGUAGES = ("ruby", "python", "node", "java", "dotnet", "go")
_LANGUAGES_CALLED = {"typescript": "node", "javascript": "node", "csharp": "dotnet", "c#": "dotnet"}
_SIGNS = {
    "python": ("main.py", "app.py", "requirements.txt", "pyproject.toml", "setup.py"),
    "node": ("package.json",),
    "ruby": ("Gemfile",),
    "go": ("go.mod",),
    "java": ("pom.xml", "build.gradle"),
}
"""Files by which a language is known."""
DELIVERIES = ("http", "internal")
_ID = re.compile(r"[a-z][a-z0-9.-]+")
_API_VERSION = re.compile(r"v\d+", re.ASCII)
_CALLBACK_KEYS = ("url", "secret", "headers", "timeout", "required")


def check_identity(body: Part, path: Path, *, is_platform: bool) -> None:
    """Check id, name, versions and language of the manifest at *path*."""
    said = body["id"].text(required="give the extension one, as com.example.pager")
    if said and not _ID.fullmatch(said):
        body["id"].warn(
            f'"{said}" is unusual; use small letters, digits, dots and dashes, '
            "and start with a letter.",
            "id",
        )
    if is_platform:
        body["name"].text(required="say what people are to call the extension")
    else:
        body["name"].text()
    _version(body["version"])
    api = body["api_version"].text()
    if api and not _API_VERSION.fullmatch(api):
        body["api_version"].error(f'"{api}" is no version of the API; write v1.', "api-version")
    _language(body["sdk"], path.parent.parent if path.parent.name == ".kiket" else path.parent)
    for key in ("description", "author", "homepage", "icon"):
        body[key].text()
    if body["homepage"]:
        body["homepage"].url()
    for each in body["tags"].texts("[paging, alerts]"):
        each.text()
    body["assets"].mapping("{ icon: ./icon.svg }")["icon"].text()


def check_platform_delivery(body: Part) -> None:
    """Check a word for the kind of delivery with the callback beside it."""
    delivery, callback = body["delivery"], body["callback"]
    if isinstance(delivery.value, dict):
        delivery.error(
            "is a mapping; the platform takes the word http or internal here, "
            "and `callback:` beside it.",
            "delivery",
        )
        return
    if not delivery:
        delivery.error("is missing; write http, or internal.", "delivery")
    kind = delivery.word(DELIVERIES, noun="kind of delivery", rule="delivery")
    if kind == "http" and not callback:
        callback.error("is missing; http needs one with a url.", "callback")
    _callback(callback, url_is_required=kind == "http")


def check_sdk_delivery(body: Part) -> None:
    """Check a delivery that holds its callback, or is the webhook secret itself."""
    delivery = body["delivery"]
    if isinstance(delivery.value, str):
        if environment_reference(delivery.value) is None and delivery.value not in DELIVERIES:
            _in_clear(delivery)
        _callback(body["callback"])
        return
    delivery.mapping("http, or { type: http, callback: {…} }")
    delivery["type"].word(DELIVERIES, noun="kind of delivery", rule="delivery")
    delivery.only(("type", "callback"), of="a delivery")
    _callback(delivery["callback"])


def check_flat_delivery(body: Part) -> None:
    """Check the webhook secret of a flat manifest."""
    secret = body["delivery_secret"]
    if secret.text() and environment_reference(secret.value) is None:
        _in_clear(secret)


def _version(version: Part) -> None:
    if not version:
        version.warn('is missing, and counts as 1.0.0; write one, as "1.0.0".', "version")
    elif isinstance(version.value, int | float) and not isinstance(version.value, bool):
        said = "is read as a number, so that 1.10 would be 1.1; put it in quotes."
        version.warn(said, "version", version.quoted())
    else:
        version.text()


def _language(sdk: Part, folder: Path) -> None:
    if not sdk:
        said = f"is missing; say what it is written in: {', '.join(LANGUAGES)}."
        found = {
            name for name, signs in _SIGNS.items() if any((folder / f).exists() for f in signs)
        }
        edit = sdk.inserted(found.pop(), after=1) if len(found) == 1 else None
        sdk.warn(said, "sdk", edit)
        return
    called = _LANGUAGES_CALLED.get(str(sdk.value).lower())
    if called:
        sdk.error(f'is called "{called}" here.', "sdk", sdk.rewritten(called))
    else:
        sdk.word(LANGUAGES, noun="language of an SDK", rule="sdk")


def _callback(callback: Part, *, url_is_required: bool = False) -> None:
    callback.mapping("{ url: env:EXTENSION_URL, secret: env:KIKET_WEBHOOK_SECRET }")
    if not callback:
        return
    callback.only(_CALLBACK_KEYS, of="a callback")
    url = callback["url"]
    said = url.text(required="say where deliveries go to" if url_is_required else "")
    if said and "${" not in said and environment_reference(said) is None and not is_url(said):
        url.error("is no address; start it with https://, or refer to a variable.", "url")
    if callback["secret"].text() and environment_reference(callback["secret"].value) is None:
        _in_clear(callback["secret"])
    for _, value in callback["headers"].members("{ X-Team: pager }"):
        value.text()
    callback["timeout"].number(SHORTEST_TIMEOUT_MS, LONGEST_TIMEOUT_MS)
    callback["required"].flag()


def _in_clear(secret: Part) -> None:
    secret.warn(
        "is a webhook secret for all to read; refer to a variable, as env:KIKET_WEBHOOK_SECRET.",
        "secret-in-clear",
    )
