"""What a process that is hardened may no longer give away."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HARDENED = """\
import ctypes, json, os, resource, sys
os.umask(0)
from kiket_console.engine.hardening import harden
harden()
earlier = os.umask(0)
dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) if sys.platform.startswith("linux") else 0
print(json.dumps([earlier, resource.getrlimit(resource.RLIMIT_CORE), dumpable]))
"""


@pytest.fixture
def hardened() -> list[object]:
    done = subprocess.run([sys.executable, "-c", HARDENED], capture_output=True, check=True)
    found: list[object] = json.loads(done.stdout)
    return found


def test_it_writes_private_files_no_core_and_is_not_traced(hardened: list[object]) -> None:
    """Its memory is neither in a core file nor open to other processes of the same user."""
    assert hardened == [0o077, [0, 0], 0]
