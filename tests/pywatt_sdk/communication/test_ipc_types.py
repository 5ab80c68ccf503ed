"""The stdio protocol's types as models: they validate, and write what Rust writes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from tests.pywatt_sdk.golden import Row, rows

import pywatt_sdk
from pywatt_sdk import ProtocolError
from pywatt_sdk._protocol import GetSecret, Init, Secret, ServiceType
from pywatt_sdk.communication.ipc_types import (
    AnnounceBlob,
    EndpointAnnounce,
    InitBlob,
    ListenAddress,
    ModuleToOrchestrator,
    OrchestratorToModule,
)

SPARSE: dict[str, Any] = {
    "orchestrator_api": "http://localhost:9900",
    "module_id": "m",
    "listen": "127.0.0.1:8080",
}


class TestInit:
    @pytest.mark.parametrize(
        "row", [row for row in rows("orchestrator_to_module") if row.op == "init"], ids=str
    )
    def test_lines_are_read_and_written(self, row: Row) -> None:
        blob = InitBlob.from_line(row.wire)
        assert InitBlob.from_line(blob.to_line()) == blob
        for key, value in row.value.items():
            if key != "op":
                assert blob.model_dump(mode="json")[key] == value

    def test_may_be_sparse(self) -> None:
        blob = InitBlob(**SPARSE)
        assert (blob.env, blob.debug_mode, blob.log_level) == ({}, False, "info")
        assert (blob.listen.host, blob.listen.port, blob.listen.is_unix) == (
            "127.0.0.1",
            8080,
            False,
        )

    @pytest.mark.parametrize(
        "tcp_channel", [{"address": "[::1]:9901"}, {"host": "::1", "port": 9901, "required": False}]
    )
    def test_takes_an_address_in_one_piece_or_two(self, tcp_channel: dict[str, Any]) -> None:
        found = InitBlob(**{**SPARSE, "tcp_channel": tcp_channel}).tcp_channel
        assert found is not None
        assert (found.address, found.host, found.port) == ("[::1]:9901", "::1", 9901)

    def test_takes_a_path_to_listen_on(self) -> None:
        for listen in ("/run/m.sock", {"Unix": "/run/m.sock"}, ListenAddress.unix("/run/m.sock")):
            blob = InitBlob(**{**SPARSE, "listen": listen})
            assert blob.listen == "/run/m.sock"
            assert blob.listen.is_unix

    def test_validates(self) -> None:
        with pytest.raises(ValidationError, match="module_id"):
            InitBlob(**{**SPARSE, "module_id": None})
        with pytest.raises(ValueError, match=r"such as 127\.0\.0\.1:8080"):
            ListenAddress.tcp("localhost")

    def test_keeps_its_token_out_of_its_repr(self) -> None:
        assert "hush" not in repr(InitBlob(**SPARSE, auth_token="hush"))

    def test_is_taken_over_from_the_protocol(self) -> None:
        assert InitBlob.of(Init(env={}, **SPARSE)) == InitBlob(**SPARSE)


class TestAnnouncement:
    def test_shows_what_is_unset_and_does_not_send_it(self) -> None:
        endpoint = EndpointAnnounce(path="/", methods=["GET"])
        assert endpoint.model_dump_json() == '{"path":"/","methods":["GET"],"auth":null}'
        assert AnnounceBlob(listen="127.0.0.1:1", endpoints=[endpoint]).to_line() == (
            b'{"op":"announce","listen":"127.0.0.1:1","endpoints":[{"path":"/","methods":["GET"]}]}\n'
        )


class TestTagged:
    @pytest.mark.parametrize(
        "message",
        [
            ModuleToOrchestrator("get_secret", name="K"),
            ModuleToOrchestrator(op="get_secret", get_secret={"name": "K"}),
            ModuleToOrchestrator(op="get_secret", get_secret=GetSecret("K"), announce=None),
            ModuleToOrchestrator.model_validate({"op": "get_secret", "name": "K"}),
            ModuleToOrchestrator.model_validate_json('{"op":"get_secret","name":"K"}'),
            ModuleToOrchestrator.of(GetSecret("K")),
        ],
    )
    def test_messages_are_read_in_every_form(self, message: ModuleToOrchestrator) -> None:
        assert message.op == "get_secret"
        assert message.get_secret.name == "K"
        assert message.announce is None
        assert message.model_dump() == {"op": "get_secret", "name": "K"}
        assert message.model_dump_json() == '{"op":"get_secret","name":"K"}'
        assert message == ModuleToOrchestrator("get_secret", name="K")
        assert len({message, ModuleToOrchestrator("get_secret", name="K")}) == 1

    def test_messages_to_a_module_too(self) -> None:
        message = OrchestratorToModule(op="secret", name="K", value="hush")
        assert message.secret == Secret("K", "hush")
        assert "hush" not in repr(message)
        init = OrchestratorToModule.model_validate({"op": "init", **SPARSE})
        assert init.init.module_id == "m"

    def test_service_types_may_be_given_as_such(self) -> None:
        fields = {"op": "discover_service_providers", "service_type": ServiceType.custom("s")}
        message = ModuleToOrchestrator.model_validate(fields)
        assert message.model_dump()["service_type"] == {"Custom": "s"}

    def test_what_is_none_is_refused(self) -> None:
        with pytest.raises(ProtocolError):
            ModuleToOrchestrator("get_secret")
        with pytest.raises(AttributeError, match="no attribute 'sing'"):
            ModuleToOrchestrator("get_secret", name="K").sing()


def test_the_types_are_at_the_root_too() -> None:
    assert pywatt_sdk.InitBlob is InitBlob
    assert pywatt_sdk.ServiceType is ServiceType
