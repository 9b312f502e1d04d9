"""Hands viser on, from the port that only this process uses to the one that the page is on.

viser asks nobody who they are, so it never faces the network: what is in front of it does.
"""

import asyncio
import urllib.error
import urllib.request
from http import HTTPStatus

from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response
from websockets.typing import Subprotocol

LARGEST = 64 * 2**20
"""Bytes of a message that is handed on, at most."""
UNWANTED = b"ShareUrl"
"""In messages that would have viser tunnel its port to a public server."""


class Relay:
    """viser, as seen from the front.

    Args:
        port: viser's, on the loopback interface.
    """

    def __init__(self, port: int) -> None:
        self._at = f"127.0.0.1:{port}"

    async def page(self, path: str) -> Response:
        """One of viser's files.

        Args:
            path: Its path at viser, quoted as in the request.
        """
        return await asyncio.to_thread(self._fetch, path)

    def _fetch(self, path: str) -> Response:
        request = urllib.request.Request(
            f"http://{self._at}{path}", headers={"Accept-Encoding": "gzip"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                body = answer.read()
                kept = {name: answer.headers[name] for name in ("Content-Type", "Content-Encoding")}
        except urllib.error.HTTPError as error:
            return Response(error.code, error.reason, Headers(), b"")
        headers = Headers({name: value for name, value in kept.items() if value})
        headers["Content-Length"] = str(len(body))
        return Response(HTTPStatus.OK.value, "OK", headers, body)

    async def pass_on(self, page: ServerConnection) -> None:
        """Connect a page's websocket with viser's, until either ends."""
        spoken = [Subprotocol(page.subprotocol)] if page.subprotocol else None
        async with connect(
            f"ws://{self._at}", subprotocols=spoken, compression=None, max_size=LARGEST, proxy=None
        ) as viser:
            ways = [
                asyncio.create_task(_pump(page, viser, UNWANTED)),
                asyncio.create_task(_pump(viser, page, None)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)


async def _pump(source: Connection, sink: Connection, unwanted: bytes | None) -> None:
    try:
        async for message in source:
            if unwanted and isinstance(message, bytes) and unwanted in message:
                continue
            await sink.send(message)
    except ConnectionClosed:
        return
