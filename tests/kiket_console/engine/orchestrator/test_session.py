"""What a module and the engine say to each other, step by step; the test plays the module."""

from __future__ import annotations

import asyncio

import pytest
from tests.kiket_console.engine.orchestrator.playing import (
    ANNOUNCE,
    HELLO,
    Vault,
    on_stage,
    until,
)

from kiket_console.engine.orchestrator import session
from kiket_console.engine.orchestrator.notebook import INVALID_BYTES
from kiket_console.errors import ConsoleError
from kiket_console.ipc import Channel, Direction, Kind
from kiket_console.model import State
from kiket_core.secret import redactor
from pywatt_sdk import _protocol as p


async def test_the_first_line_offers_what_a_module_needs() -> None:
    async with on_stage() as stage:
        init = stage.init
        assert init["module_id"] == "search"
        assert init["env"] == {}
        assert init["listen"] == "127.0.0.1:8080"
        assert init["tcp_channel"]["required"] is False
        assert len(init["auth_token"]) == 64
        assert init["security_level"] == "None"
        assert "op" not in init
        assert stage.tape.ops() == ["init"]
        assert stage.session.facts.handshake == "starting"
        (await stage.connects()).close()
        (await stage.connects("uds")).close()


async def test_a_module_that_announces_can_be_reached() -> None:
    async with on_stage() as stage:
        endpoints = [{"path": "/api", "methods": ["GET", "POST"], "auth": "jwt"}]
        stage.say({**ANNOUNCE, "listen": "127.0.0.1:4711", "endpoints": endpoints})

        announced = await stage.session.announced

        assert announced.listen == "127.0.0.1:4711"
        assert stage.session.address == ("127.0.0.1", 4711)
        facts = stage.session.facts
        assert facts.handshake == "announced"
        assert [(each.path, each.auth) for each in facts.endpoints] == [("/api", "jwt")]
        stage.session.became_ready()
        assert stage.session.facts.handshake == "ready"
        assert stage.others.ready == ["search#1"]
        assert stage.tape.of("announce").frame.direction == Direction.OUT


async def test_a_secret_is_repeated_until_a_module_of_another_sdk_goes_on() -> None:
    async with on_stage(spec={"secrets": ("A", "B")}, vault=Vault(A="1", B="2")) as stage:
        stage.say({"op": "get_secret", "name": "A"})
        for _ in range(3):
            assert await stage.hears() == {"op": "secret", "name": "A", "value": "1"}
        stage.say({"op": "get_secret", "name": "B"})
        while (await stage.hears())["name"] != "B":
            pass  # it was written before
        assert stage.session.facts.handshake == "asking for secrets"
        stage.say(ANNOUNCE)
        await stage.session.announced

        assert stage.session.facts.asked == (("A", True), ("B", True))
        assert await stage.is_still("secret")
        asked = stage.tape.of("get_secret")
        assert asked.reply is not None
        assert asked.reply.op == "secret"


async def test_nothing_but_secrets_is_written_while_one_is_awaited() -> None:
    async with on_stage(spec={"secrets": ("A",)}, vault=Vault(A="1")) as stage:
        stage.session.send(p.PortResponse("p-1", True, 8123))
        stage.say({"op": "get_secret", "name": "A"})
        assert (await stage.hears())["op"] == "secret"
        stage.say(ANNOUNCE)
        assert (await stage.hears_one("port_response"))["port"] == 8123


async def test_a_module_of_ours_is_answered_once_and_told_why_there_is_no_value() -> None:
    async with on_stage(spec={"secrets": ("A", "B")}, vault=Vault(A="1"), beat_s=0.15) as stage:
        stage.say(HELLO, {"op": "get_secret", "name": "A"}, {"op": "get_secret", "name": "B"})
        assert (await stage.hears())["op"] == "heartbeat"
        assert await stage.hears_one("secret") == {"op": "secret", "name": "A", "value": "1"}
        refused = await stage.hears_one("secret")
        assert refused["value"] == ""
        assert "has no value" in refused["error"]
        for _ in range(2):  # which is longer than a secret would wait to be repeated
            assert (await stage.hears())["op"] == "heartbeat"
        assert stage.session.facts.sdk == "pywatt_sdk 0.1.0"
        assert stage.session.facts.asked == (("A", True), ("B", False))
        assert stage.tape.of("get_secret").state == State.FAILED


async def test_a_module_may_ask_for_what_it_declares_alone() -> None:
    async with on_stage(vault=Vault(OTHERS="hidden")) as stage:
        stage.say(HELLO, {"op": "get_secret", "name": "OTHERS"})
        refused = await stage.hears_one("secret")
        assert refused["value"] == ""
        assert "not declared" in refused["error"]
        assert stage.vault.asked == []
        assert [level for level, _ in stage.notes] == ["WARNING"]


async def test_a_module_of_another_sdk_without_its_secret_fails_with_the_reason() -> None:
    async with on_stage(spec={"secrets": ("A",)}) as stage:
        stage.say({"op": "get_secret", "name": "A"})
        await until(stage.session.announced.done)
        assert "kiket-console secrets set A" in str(stage.session.announced.exception())


async def test_or_it_gets_an_empty_one_where_that_is_chosen() -> None:
    async with on_stage(spec={"secrets": ("A",), "empties": True}) as stage:
        stage.say({"op": "get_secret", "name": "A"})
        assert await stage.hears() == {"op": "secret", "name": "A", "value": ""}


async def test_stray_output_is_kept_and_said_and_ends_nothing() -> None:
    async with on_stage() as stage:
        stage.write(b"Hello from a print\n\xff\xfe\n")
        stage.write(b'{"op":"dance"}\n{"op":"announce","listen":3}\n[1]\n\n')
        stage.write(b'{"op":"port_request","request_id":"p-1"')
        stage.write(b',"specific_port":NaN}\n')
        stage.say(ANNOUNCE)
        await stage.session.announced

        invalid = [each.frame for each in stage.tape.taken if each.frame.kind is Kind.INVALID]
        assert [each.op for each in invalid] == [
            "stray output",
            "stray output",
            "bad message",
            "bad message",
            "stray output",
            "bad message",
        ]
        assert invalid[0].raw == b"Hello from a print"
        reasons = [each.error for each in stage.tape.taken if each.frame.kind is Kind.INVALID]
        assert "print to standard error" in reasons[0]
        assert "`dance`" in reasons[2]
        assert stage.session.facts.stray == 6
        assert "print to standard error" in stage.notes[0][1]


async def test_routes_that_are_far_too_long_are_left_out_and_said() -> None:
    routes = [("/" + "x" * 5000, ["GET"]), ("/a", ["GET"] * 5000), ("/b", ["GET"])]
    endpoints = [{"path": path, "methods": methods} for path, methods in routes]
    async with on_stage() as stage:
        stage.say(HELLO, ANNOUNCE | {"listen": "x" * 9000, "endpoints": endpoints})
        await stage.session.announced
        assert [each.path for each in stage.session.facts.endpoints] == ["/b"]
        assert len(stage.session.facts.listen) == 200
        assert any("is not taken" in sentence for _, sentence in stage.notes)


async def test_a_second_announcement_changes_nothing() -> None:
    async with on_stage() as stage:
        stage.say(ANNOUNCE, {**ANNOUNCE, "listen": "127.0.0.1:9"})
        await stage.session.announced
        await until(lambda: stage.notes)
        assert stage.session.address == ("127.0.0.1", 8080)
        assert "announced itself again" in stage.notes[0][1]


async def test_what_concerns_others_is_theirs() -> None:
    async with on_stage() as stage:
        stage.say(HELLO, {"op": "port_request", "request_id": "p-1", "specific_port": None})
        await until(lambda: stage.others.heard_of)
        message, exchange_id, channel = stage.others.heard_of[0]
        assert message == p.PortRequest("p-1", None)
        assert exchange_id is not None
        assert stage.tape.taken[exchange_id].frame.op == "port_request"
        assert channel == Channel.STDIO


async def test_an_end_answers_everybody_who_waits() -> None:
    async with on_stage() as stage:
        stage.say(HELLO, ANNOUNCE)
        await stage.session.announced
        request = p.HttpRequest("h-1", "GET", "/", {})
        stage.session.send(request)
        stage.end()
        await until(lambda: stage.others.over)
        assert stage.tape.of("http_request").error == "search#1 ended."
        assert stage.session.facts.handshake == "stopping"


async def test_a_module_that_ends_before_it_announces_says_so() -> None:
    async with on_stage() as stage:
        stage.end()
        await until(stage.session.announced.done)
        assert isinstance(stage.session.announced.exception(), ConnectionError)


async def test_names_that_are_tried_out_are_refused_and_fill_nothing() -> None:
    async with on_stage(vault=Vault(OTHERS="hidden"), body_bytes=1024) as stage:
        stage.say(HELLO)
        for begun in range(0, 2_000, 100):
            names = (f"GUESS_{number}" for number in range(begun, begun + 100))
            stage.say(*({"op": "get_secret", "name": name} for name in names))
            for _ in range(100):
                assert (await stage.hears_one("secret"))["value"] == ""
        assert stage.vault.asked == []
        assert len(stage.session.facts.asked) == 64
        assert len(stage.notes) == 64


async def test_a_thousand_requests_wait_and_no_more() -> None:
    async with on_stage() as stage:
        stage.say(HELLO, ANNOUNCE)
        await stage.session.announced
        for number in range(1_000):
            stage.session.send(p.HttpRequest(f"h-{number}", "GET", "/", {}))
        assert stage.session.under_way == 1_000
        with pytest.raises(ConnectionError, match="1,000 requests wait"):
            await stage.session.http(p.HttpRequest("h", "GET", "/", {}), 5)


async def test_of_messages_that_are_never_answered_so_many_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "MOST_ROUTED", 10)
    async with on_stage() as stage:
        stage.say(HELLO, ANNOUNCE)
        await stage.session.announced
        for _ in range(50):
            asks = p.RoutedModuleMessage("a", p.new_uuid(), p.Payload(b"1"), expects_reply=True)
            stage.session.send(asks)
        assert stage.session.under_way == 10


async def test_a_module_that_never_reads_is_given_up_with_the_reason() -> None:
    async with on_stage(body_bytes=16 * 1024) as stage:
        stage.say(HELLO, ANNOUNCE)
        await stage.session.announced

        async def say_on() -> None:
            while True:
                stage.session.send(p.HttpRequest(p.new_uuid(), "POST", "/", {}, b"x" * 16 * 1024))
                await asyncio.sleep(0)

        with pytest.raises(ConnectionError):
            await say_on()
        await until(lambda: stage.others.over)
        assert "it does not read them" in stage.notes[-1][1]
        assert all(each.ended for each in stage.tape.taken)


async def test_a_vault_that_fails_is_said_and_ends_nothing() -> None:
    class Locked(Vault):
        async def get(self, name: str) -> str | None:
            raise ConsoleError(f"The keyring has locked {name} away.")

    async with on_stage(spec={"secrets": ("A",)}, vault=Locked()) as stage:
        stage.say(HELLO, {"op": "get_secret", "name": "A"})
        refused = await stage.hears_one("secret")
        assert "cannot be had: The keyring has locked A away" in refused["error"]


async def test_who_asks_again_and_again_is_not_all_that_one_hears_of() -> None:
    changes: list[None] = []
    async with on_stage(on_change=lambda: changes.append(None)) as stage:
        stage.say(HELLO)
        for _ in range(200):
            stage.say({"op": "get_secret", "name": "GUESSED"})
        for _ in range(200):
            await stage.hears_one("secret")
        assert len(changes) < 20


async def test_what_is_shown_of_stray_output_holds_no_half_of_a_secret() -> None:
    redactor.add("A", "a-value-that-nobody-sees")
    async with on_stage() as stage:
        stage.write(b"connecting to postgres://me-and-my-long-name: a-value-that-nobody-sees\n")
        long = b"x" * (INVALID_BYTES - 5) + b"a-value-that-nobody-sees\n"
        await asyncio.to_thread(stage.write, long)  # more than the pipe holds
        await until(lambda: stage.session.facts.stray == 2)
        assert "a-val" not in stage.notes[0][1]
        assert b"a-val" not in stage.tape.taken[-1].frame.raw
