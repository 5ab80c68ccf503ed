"""A module's TCP channel under TLS, where orchestrator and module both want it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.pywatt_sdk.core.test_connection import listening, say
from tests.pywatt_sdk.living import Living, greeter

from pywatt_sdk import _protocol as p
from pywatt_sdk._assembly import Plan
from pywatt_sdk.core.error import BootstrapError

if TYPE_CHECKING:
    from tests.certificates import Certificates


def plan(**tls: Any) -> Plan:
    return Plan(factory=greeter, tcp_config={"tls": tls})


async def test_it_is_used_with_a_certificate_that_can_be_checked(
    certificates: Certificates,
) -> None:
    async with (
        listening(tls=certificates.server()) as (far, offer),
        Living(plan(ca_cert_path=certificates.ca), **offer) as module,
    ):
        frames = await far.connected()
        await module.hear(p.Announce)
        say(frames, p.Heartbeat())
        await far.hear(p.HeartbeatAck)


@pytest.mark.parametrize("tls", [{}, {"server_name": "elsewhere.test"}], ids=["by whom", "whose"])
async def test_a_certificate_that_says_nothing_is_refused(
    certificates: Certificates, tls: dict[str, str]
) -> None:
    if tls:
        tls = {**tls, "ca_cert_path": str(certificates.ca)}
    async with listening(tls=certificates.server()) as (_, offer):
        async with Living(plan(**tls), **offer) as module:
            failure = await module.ended()
        assert isinstance(failure, BootstrapError)
        assert "certificate" in str(failure).lower()
