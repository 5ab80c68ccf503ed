"""A proof is good for one nonce, one module and one token."""

from __future__ import annotations

import os

from kiket_console.engine.orchestrator import admission
from kiket_console.engine.orchestrator.admission import Stranger, is_of_tree, is_proof, new_nonce
from pywatt_sdk import _handshake


def test_the_sdk_proves_what_is_asked_here() -> None:
    nonce = new_nonce()
    shown = _handshake.proof("token", nonce, "search")
    assert is_proof(shown, "token", nonce, "search")
    assert not is_proof(shown, "token", new_nonce(), "search")
    assert not is_proof(shown, "another", nonce, "search")
    assert not is_proof(shown, "token", nonce, "another")
    assert not is_proof("\udcff", "token", nonce, "search")


def test_who_has_ended_or_is_another_user_is_of_no_tree() -> None:
    me = Stranger(("", 0), ("", 0), os.getpid(), os.getuid())
    assert is_of_tree(me, os.getpid())
    assert is_of_tree(me, os.getppid())
    assert not is_of_tree(me, None)
    assert not is_of_tree(me._replace(uid=os.getuid() + 1), os.getpid())
    if admission.IS_KNOWABLE:
        assert not is_of_tree(me._replace(pid=2**22 + 1), os.getpid())
