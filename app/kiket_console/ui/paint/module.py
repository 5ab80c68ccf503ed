"""What is known of a module beside what is known of every worker.

Handshake   ready · pywatt_sdk 0.1.0 · listens on 127.0.0.1:41237
Channels    stdio connected 4 m · tcp connected 4 m · uds listening
Heartbeat   0.6 s ago, 241 answered
Routes      GET POST /users · GET /admin jwt
Services    search at 127.0.0.1:9200 (custom:index)
Asked for   DATABASE_URL ✓ · API_KEY no answer
Messages    12 to it, 31 from it
Address     http://127.0.0.1:8700/m/billing/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kiket_console.text import age, plural, visible
from kiket_console.ui.paint.labels import address, labelled, sentence

if TYPE_CHECKING:
    from kiket_console.engine_status import EngineStatus
    from kiket_console.model import Worker
    from kiket_console.module_facts import ModuleChannel, ModuleEndpoint, ModuleFacts
    from kiket_console.ui.paint.line import Line

SHAKY = ("degraded", "unhealthy")
"""Words of a handshake that is done with a module that hardly lives."""
_FAR_ENOUGH = (*SHAKY, "announced", "ready", "stopping")
"""By then a module of ours has said what it is built with."""


def heartbeat_sentences(facts: ModuleFacts, now_us: int) -> list[str]:
    """Return how a module lives, in ever fewer words; its word alone where nothing beats."""
    word = visible(facts.handshake)
    if not facts.heartbeat_us:
        return [word]
    since = _since(facts.heartbeat_us, now_us)
    return [f"{word} · heartbeat {since} ago", f"{word} · {since} ago", word]


def module_lines(
    worker: Worker, facts: ModuleFacts, status: EngineStatus, width: int, now_us: int
) -> list[Line]:
    """Return how far its handshake is, what it offers and needs, and what it said."""
    lines = labelled("Handshake", _handshake(facts), width)
    lines += labelled("Channels", [_channel(each, now_us) for each in facts.channels], width)
    lines += labelled("Heartbeat", [_heartbeat(facts, now_us)], width)
    lines += labelled("Routes", [_endpoint(each) for each in facts.endpoints], width)
    if facts.services:
        services: list[Line] = [
            [
                (visible(each.name), ""),
                (f" at {visible(each.address)} ({visible(each.type)})", "muted"),
            ]
            for each in facts.services
        ]
        lines += labelled("Services", services, width)
    lines += labelled("Asked for", [_asked(name, there) for name, there in facts.asked], width)
    if declared := [_declared(*each) for each in worker.secrets]:
        lines += labelled("Secrets", declared, width)
    lines += labelled("Messages", _messages(facts), width)
    if facts.stray:
        times = plural(facts.stray, "time")
        said = f"it sent what is no message, {times} (kind:invalid in Traffic)"
        lines += sentence("Stray", said, width, "warning")
    if facts.dropped:
        said = f"{plural(facts.dropped, 'message')} not recorded or given up: too many came at once"
        lines += sentence("Dropped", said, width, "warning")
    if worker.note:
        lines += sentence("", worker.note, width, "warning")
    return lines + address("Address", routes_url(worker, status), width)


def routes_url(worker: Worker, status: EngineStatus) -> str:
    """Return below which address the gateway serves a module's routes."""
    return f"{status.gateway_url.rstrip('/')}/m/{visible(worker.name)}/"


def _handshake(facts: ModuleFacts) -> list[Line]:
    role = "warning" if facts.handshake in SHAKY else "ok" if facts.handshake == "ready" else ""
    values: list[Line] = [[(visible(facts.handshake) or "no process", role)]]
    if facts.sdk or facts.handshake in _FAR_ENOUGH:
        values.append([(visible(facts.sdk) or "an SDK that does not say its name", "muted")])
    if facts.listen and facts.handshake:
        is_nowhere = facts.listen.endswith(":0")
        said = "serves no HTTP" if is_nowhere else f"listens on {visible(facts.listen)}"
        values.append([(said, "")])
    return values


def _channel(channel: ModuleChannel, now_us: int) -> Line:
    since = f" {age((now_us - channel.since_us) / 1e6)}" if channel.since_us else ""
    role = {"connected": "ok", "listening": "muted"}.get(channel.state, "warning")
    return [(f"{visible(channel.name)} ", ""), (visible(channel.state), role), (since, "muted")]


def _heartbeat(facts: ModuleFacts, now_us: int) -> Line:
    if not facts.heartbeat_us:
        return [("none answered yet", "muted")]
    since = _since(facts.heartbeat_us, now_us)
    answered = f", {facts.heartbeats:,} answered"
    if facts.heartbeat_took_us:
        from kiket_console.telemetry.words import took

        answered += f", the newest within {took(facts.heartbeat_took_us)}"
    return [(f"{since} ago", ""), (answered, "muted")]


def _since(at_us: int, now_us: int) -> str:
    """Write how long ago something was that comes once a second."""
    seconds = max(0.0, (now_us - at_us) / 1e6)
    return f"{seconds:.1f} s" if seconds < 9.95 else age(seconds)


def _endpoint(endpoint: ModuleEndpoint) -> Line:
    methods = visible(" ".join(endpoint.methods))
    auth = f" {visible(endpoint.auth)}" if endpoint.auth else ""
    return [(f"{methods} ", "muted"), (visible(endpoint.path), ""), (auth, "warning")]


def _asked(name: str, answered: bool) -> Line:
    return [(visible(name), ""), (" ✓", "ok") if answered else (" no answer", "warning")]


def _declared(name: str, there: bool) -> Line:
    return [(visible(name), ""), (" ✓", "ok") if there else (" missing", "warning")]


def _messages(facts: ModuleFacts) -> list[Line]:
    return [[(f"{facts.frames_in:,} to it", "")], [(f"{facts.frames_out:,} from it", "")]]
