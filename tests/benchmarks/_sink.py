"""A producer that only answers, so that senders are measured and not it.

    python -m tests.benchmarks._sink PORT TLS_PORT CERTIFICATE KEY

Both ports are of this machine. Each whole request is answered with a tracking id.
"""

from __future__ import annotations

import asyncio
import ssl
import sys

from tests.benchmarks._raw import Upstream

RAW_BODY = b'{"tracking_id": "4f3c0f5e-2d1f-4b5e-9a57-0c9b8a7d6e5f"}'


class Sink(Upstream):
    """Answer each whole request; of its head the length of the body is read alone."""

    answer = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
        % (len(RAW_BODY), RAW_BODY)
    )


async def _serve(port: int, tls_port: int, certificate: str, key: str) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    encrypted = await loop.create_server(Sink, "127.0.0.1", tls_port, ssl=tls, backlog=1024)
    server = await loop.create_server(Sink, "127.0.0.1", port, backlog=1024)
    async with encrypted:
        await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(_serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]))
