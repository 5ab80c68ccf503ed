"""Pull the plug, again and again: `make powercut ARGS="--cuts 20 --seed 7"`, as root on Linux.

The store lies on an ext4 of its own, in a file. A cut is the file system's own emergency stop
(`EXT4_IOC_SHUTDOWN`, its log not flushed): nothing that was not flushed reaches the disk, as when
the current fails. Then: mount again, start again, judge everything that was ever acknowledged.

A build that does not flush comes first, and must lose some; otherwise the run is void. Senders'
and extension's ledgers lie elsewhere, and survive.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import json
import os
import random
import secrets
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.torture.campaign import Step, campaign
from tests.torture.subject import Plan, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.torture.campaign import Campaign
    from tests.torture.judge import Findings

IMAGE_BYTES = 512 * 1024**2
MUTANT = "normal_instead_of_full"
MUTANT_CUTS = 4
VOID, BROKEN = 3, 1
_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
_NO_LOG_FLUSH = 2
_TOOLS = ("mkfs.ext4", "mount", "umount", "losetup")


@dataclass(frozen=True, slots=True)
class Disk:
    """An ext4 in a file, mounted."""

    image: Path
    at: Path

    def mount(self) -> None:
        """Mount it, its log replayed."""
        _run("mount", "-o", "loop", str(self.image), str(self.at))

    def cut(self) -> None:
        """Let nothing more reach it."""
        folder = os.open(self.at, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(folder)

    def unmount(self) -> None:
        """Unmount it, when nobody uses it any more."""

        def unmounted() -> bool:
            done = subprocess.run(["umount", str(self.at)], capture_output=True)
            return done.returncode == 0

        until(unmounted, f"{self.at} is unmounted")


@contextlib.contextmanager
def disk() -> Iterator[Disk]:
    """Make a disk and mount it; raises CalledProcessError where that is not allowed."""
    place = Path(tempfile.mkdtemp(prefix="ktd", dir="/tmp"))
    made = Disk(place / "image", place / "mnt")
    made.at.mkdir()
    try:
        with made.image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        _run("mkfs.ext4", "-q", "-F", str(made.image))
        made.mount()
        try:
            yield made
        finally:
            made.unmount()
    finally:
        shutil.rmtree(place, ignore_errors=True)


def why_not() -> str:
    """Say why the plug cannot be pulled here; empty when it can."""
    if sys.platform != "linux":
        return "ext4 is needed, and with it Linux"
    if os.getuid() != 0:
        return "mounting takes root"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} is not installed"
    try:
        with disk() as tried:
            tried.cut()
    except (OSError, subprocess.CalledProcessError) as error:
        return f"this machine does not allow it ({error})"
    return ""


async def pull(cuts: int, seed: int, mutant: str = "") -> tuple[Findings, int]:
    """Cut so many times under load; return what was found, and how many were acknowledged."""
    plan = Plan(mutants=(mutant,) if mutant else ())
    chance = random.Random(seed)  # noqa: S311 - to be repeated
    with disk() as plugged:
        async with campaign(seed, state=plugged.at / "state") as one:

            def cut() -> None:
                plugged.cut()
                run = one.subject.starts
                one.subject.kill()
                one.subject.wait_gone(run, time.monotonic())
                plugged.unmount()
                plugged.mount()

            one.kill = cut
            await one.begin(plan)
            for _ in range(cuts):
                await one.served()
                cycle = await one.cycle(
                    Step(plan, after_s=chance.uniform(0.2, 1.2)), plan, again=True
                )
                print(json.dumps({**cycle.line(), "step": f"cut {mutant}".strip()}), flush=True)
                if cycle.broken:
                    one.findings.damage.append(cycle.broken)
            found = one.findings if mutant else await _finished(one)
            acked = sum(answer.is_success for answer in one.senders.ledger.answered.values())
            await asyncio.to_thread(one.subject.end)
            return found, acked


async def _finished(one: Campaign) -> Findings:
    await one.finish()
    return one.findings


def main() -> int:
    """Run as the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="make powercut ARGS=…")
    parser.add_argument("--cuts", type=int, default=10)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    asked = parser.parse_args()
    reason = why_not()
    if reason:
        print(json.dumps({"skipped": reason}))
        return 0
    print(json.dumps({"seed": asked.seed}), flush=True)
    lax, lax_acked = asyncio.run(pull(MUTANT_CUTS, asked.seed, MUTANT))
    print(json.dumps({"mutant": MUTANT, "acked": lax_acked, "lost": len(lax.lost)}), flush=True)
    if not lax.lost:
        print(json.dumps({"void": f"{MUTANT} lost nothing in {MUTANT_CUTS} cuts"}))
        return VOID
    found, acked = asyncio.run(pull(asked.cuts, asked.seed))
    verdict = "ok" if found.is_clean else "bad"
    print(
        json.dumps(
            {
                "summary": True,
                "cuts": asked.cuts,
                "acked": acked,
                **found.counts,
                "verdict": verdict,
            }
        )
    )
    return 0 if found.is_clean else BROKEN


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
