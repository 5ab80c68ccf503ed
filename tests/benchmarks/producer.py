"""How fast messages are signed and sent to the Kindo producer, beside other ways of sending them.

A message of 0.3 KB goes to a producer on loopback that only answers, by each contender in turn,
round by round:

seed         what the first client did for each message: a session of botocore, the schema read
             and checked, botocore's signature, `requests.post` with a connection of its own
session      `requests.Session`, botocore's signature, credentials and validator made once
httpx        the same with `httpx.Client`
single       our `send_to_producer`, one message after another
batch        our `ProducerClient.send_many`, 32 at a time, on uvloop
session_tls, single_tls and batch_tls  the same over https

and by `seed`, `single` and `batch` to the producer of a running engine, which verifies and records
each message. The producer has one core, the sender the other. Capacity is messages per second of
the sender's own processor time; ratios are medians of the rounds' ratios. Then signatures alone,
ours beside botocore's.
"""

from __future__ import annotations

import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

from tests.benchmarks._engine import engine, until
from tests.benchmarks._load import PATIENCE_S, cores, pin
from tests.benchmarks._peers import ROOT, free_port, listens
from tests.benchmarks.gateway import COMMAND

from tests import certificates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REGION, SERVICE = "ap-southeast-2", "lambda"
IN_FLIGHT = 32
SIGNATURES = 2_000
GOALS = {
    "batch_of_seed": 100.0,
    "batch_of_session": 5.0,
    "batch_tls_of_seed": 50.0,
    "single_of_seed": 10.0,
    "signatures_of_botocore": 5.0,
}


class Rate(NamedTuple):
    """One contender's round."""

    per_s: float
    per_cpu_s: float


def measure(quick: bool) -> dict[str, Any]:
    """Send by all contenders in interleaved rounds and return figures, ratios and goals."""
    rounds, seconds = (3, 0.3) if quick else (9, 1.0)
    sender, receiver = cores()
    credentials = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kc")))
        known = certificates.make(place)
        alone = {name: value for name, value in os.environ.items() if name[:4] != "AWS_"}
        stack.enter_context(patch.dict(os.environ, {**alone, **credentials}, clear=True))
        os.environ |= {"AWS_CA_BUNDLE": str(known.ca), "HOME": str(place)}
        ports = free_port(), free_port()
        stack.callback(_ended, _sink(ports, known, receiver))
        url, tls_url = f"http://127.0.0.1:{ports[0]}/", f"https://127.0.0.1:{ports[1]}/"
        folder = place / "project"
        folder.mkdir()
        (folder / "kiket.toml").write_text(COMMAND)
        running = stack.enter_context(engine(folder))
        pin([running.pid], receiver)
        recording = f"{running.platform_url}/producer"
        contenders: dict[str, Callable[[float], int]] = {
            "seed": lambda s: _seed(url, s),
            "session": lambda s: _session(url, s),
            "httpx": lambda s: _httpx(url, s),
            "single": lambda s: _single(url, s),
            "batch": lambda s: _batch(url, s),
            "session_tls": lambda s: _session(tls_url, s),
            "single_tls": lambda s: _single(tls_url, s),
            "batch_tls": lambda s: _batch(tls_url, s),
            "engine_seed": lambda s: _seed(recording, s),
            "engine_single": lambda s: _single(recording, s),
            "engine_batch": lambda s: _batch(recording, s),
        }
        before = os.sched_getaffinity(0) if sender is not None else set()
        pin([0], sender)
        try:
            taken = _taken(contenders, rounds, seconds)
            signatures = [_signatures(url) for _ in range(rounds + 1)][1:]
        finally:
            if before:
                os.sched_setaffinity(0, before)
    return {
        "benchmark": "messages to the Kindo producer",
        "message_bytes": len(json.dumps(next(_messages(0.1)))),
        "rounds": rounds,
        "contenders": {
            name: {
                field: round(statistics.median(getattr(each, field) for each in results), 1)
                for field in Rate._fields
            }
            for name, results in taken.items()
        },
        "signature_us": {
            name: round(statistics.median(each[index] for each in signatures), 2)
            for index, name in enumerate(("ours", "botocore"))
        },
        "ratios": {
            **_ratios(taken),
            "signatures_of_botocore": round(
                statistics.median(theirs / ours for ours, theirs in signatures), 1
            ),
        },
        "goals": {name: f">= {goal}" for name, goal in GOALS.items()},
    }


def _sink(
    ports: tuple[int, int], known: certificates.Certificates, core: int | None
) -> subprocess.Popen[bytes]:
    files = [str(known.certificate), str(known.key)]
    command = [sys.executable, "-m", "tests.benchmarks._sink", *map(str, ports), *files]
    process = subprocess.Popen(command, cwd=ROOT)
    pin([process.pid], core)
    until(lambda: all(listens(port) for port in ports), "The producer listens")
    return process


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(PATIENCE_S)


def _taken(
    contenders: dict[str, Callable[[float], int]], rounds: int, seconds: float
) -> dict[str, list[Rate]]:
    names = [*contenders]
    taken: dict[str, list[Rate]] = {name: [] for name in names}
    for name in names:
        contenders[name](0.1)
    for index in range(rounds):
        turn = index % len(names)
        for name in names[turn:] + names[:turn]:
            started_s, started_cpu_s = time.perf_counter(), time.process_time()
            sent = contenders[name](seconds)
            took_s = time.perf_counter() - started_s
            taken[name].append(Rate(sent / took_s, sent / (time.process_time() - started_cpu_s)))
    return taken


def _ratios(taken: dict[str, list[Rate]]) -> dict[str, float]:
    def ratio(name: str, other: str, field: str) -> float:
        pairs = zip(taken[name], taken[other], strict=True)
        found = [float(getattr(mine, field) / getattr(theirs, field)) for mine, theirs in pairs]
        return round(statistics.median(found), 2)

    pairs = [
        *(("batch", "seed"), ("batch", "session"), ("batch", "httpx")),
        *(("batch_tls", "seed"), ("batch_tls", "session"), ("batch_tls", "session_tls")),
        *(("single", "seed"), ("single", "session"), ("single_tls", "session_tls")),
    ]
    ratios = {f"{name}_of_{other}": ratio(name, other, "per_cpu_s") for name, other in pairs}
    ratios |= {f"{name}_of_{other}_per_s": ratio(name, other, "per_s") for name, other in pairs}
    for name in ("engine_single", "engine_batch"):
        ratios[f"{name}_of_engine_seed_per_s"] = ratio(name, "engine_seed", "per_s")
    return ratios


def _messages(seconds: float) -> Iterator[dict[str, Any]]:
    """Yield messages for so long."""
    until_s = time.perf_counter() + seconds
    number = 0
    while time.perf_counter() < until_s:
        number += 1
        yield {
            "event_type": "user.notification",
            "message_channel": "email",
            "behavior": "instant",
            "payload": {
                "user_id": str(number),
                "subject": "Welcome to Kindo!",
                "content": "Thank you for joining our platform. " * 3,
            },
        }


# The ways of sending; each returns how many messages it sent


def _seed(url: str, seconds: float) -> int:
    import jsonschema
    import requests
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.session import Session

    from kindo_message_client.config import SCHEMA_PATH

    sent = 0
    for message in _messages(seconds):
        schema = json.loads(Path(SCHEMA_PATH).read_text())
        message.setdefault("security_level", "normal")
        jsonschema.validate(instance=message, schema=schema)
        body = json.dumps(message)
        headers = {"Content-Type": "application/json"}
        request = AWSRequest("POST", url, data=body, headers=headers)
        found: Any = Session().get_credentials()
        SigV4Auth(found, SERVICE, REGION).add_auth(request)
        response = requests.post(url, headers=dict(request.headers), data=body, timeout=PATIENCE_S)
        sent += bool(response.json()["tracking_id"])
    return sent


def _session(url: str, seconds: float) -> int:
    import requests

    with requests.Session() as session:
        session.verify = os.environ["AWS_CA_BUNDLE"]
        session.trust_env = False
        return _with_botocore(
            url,
            seconds,
            lambda headers, body: session.post(
                url, headers=headers, data=body, timeout=PATIENCE_S
            ).json(),
        )


def _httpx(url: str, seconds: float) -> int:
    import httpx

    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    with httpx.Client(verify=context, trust_env=False, timeout=PATIENCE_S) as client:
        return _with_botocore(
            url,
            seconds,
            lambda headers, body: client.post(url, headers=headers, content=body).json(),
        )


def _with_botocore(
    url: str, seconds: float, post: Callable[[dict[str, str], bytes], dict[str, str]]
) -> int:
    import jsonschema
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    from kindo_message_client.config import SCHEMA_PATH

    validator = jsonschema.Draft7Validator(json.loads(Path(SCHEMA_PATH).read_text()))
    auth = SigV4Auth(Credentials("local", "local"), SERVICE, REGION)
    sent = 0
    for message in _messages(seconds):
        message.setdefault("security_level", "normal")
        validator.validate(message)
        body = json.dumps(message).encode()
        headers = {"Content-Type": "application/json"}
        request = AWSRequest("POST", url, data=body, headers=headers)
        auth.add_auth(request)
        sent += bool(post(dict(request.headers), body)["tracking_id"])
    return sent


def _single(url: str, seconds: float) -> int:
    from kindo_message_client.producer import send_to_producer

    return sum(
        bool(send_to_producer(url, message, REGION, SERVICE)) for message in _messages(seconds)
    )


def _batch(url: str, seconds: float) -> int:
    import uvloop

    from kindo_message_client.aio import ProducerClient

    async def send() -> int:
        sent = 0
        async with ProducerClient(
            url, region=REGION, service=SERVICE, concurrency=IN_FLIGHT
        ) as client:
            async for each in client.send_many(_messages(seconds)):
                if each.error is not None:
                    raise each.error
                sent += 1
        return sent

    return uvloop.run(send())


def _signatures(url: str) -> tuple[float, float]:
    """Return the microseconds of processor time that a signature takes: ours, botocore's."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    from kindo_message_client._sigv4 import Signer

    body = json.dumps(next(_messages(1.0))).encode()
    signer = Signer(url, REGION, SERVICE, "local", "local")
    auth = SigV4Auth(Credentials("local", "local"), SERVICE, REGION)
    started_s = time.process_time()
    for _ in range(SIGNATURES):
        signer.sign(body)
    ours_s = time.process_time() - started_s
    started_s = time.process_time()
    for _ in range(SIGNATURES):
        headers = {"Content-Type": "application/json"}
        auth.add_auth(AWSRequest("POST", url, data=body, headers=headers))
    theirs_s = time.process_time() - started_s
    return ours_s / SIGNATURES * 1e6, theirs_s / SIGNATURES * 1e6
