"""An exception of the scene: its traceback, and what its frames held."""

from __future__ import annotations

from kiket_console import traced_frames
from kiket_console.traced_frames import TracedFrame

TRACEBACK = """\
Traceback (most recent call last):
  File "/srv/marketing/app.py", line 41, in transitioned
    contact = await crm.contact_of(payload["issue"])
  File "/srv/marketing/crm.py", line 17, in contact_of
    return contacts[issue["reporter"]]
KeyError: 'reporter'"""
FRAMES = (
    TracedFrame(
        "/srv/marketing/app.py", 41, "transitioned", 39,
        (
            "async def transitioned(payload, context):",
            '    """Tell the customer\'s contact."""',
            '    contact = await crm.contact_of(payload["issue"])',
            '    await mail(contact, payload["issue"]["title"])',
        ),
        (
            ("payload", '{"issue": {"id": 43, "key": "KIK-43"}, "runtime_token": [redacted]}'),
            ("context", "<kiket_sdk.routing.HandlerContext>"),
            ("crm", 'Crm(base="https://crm.test", api_key=[redacted])'),
        ),
    ),
    TracedFrame(
        "/srv/marketing/crm.py", 17, "contact_of", 15,
        (
            "async def contact_of(self, issue):",
            "    contacts = await self.contacts()",
            '    return contacts[issue["reporter"]]',
        ),
        (
            ("self", 'Crm(base="https://crm.test", api_key=[redacted])'),
            ("issue", '{"id": 43, "key": "KIK-43", "title": "Größe"}'),
            ("contacts", '{"ada@example.test": Contact(name="Ada", mail="ada@example.test")}'),
        ),
    ),
)  # fmt: skip
HELD = traced_frames.stored(FRAMES, str)
"""The same as it is stored."""
