"""What faces the browser: the page's files, its websocket, and viser behind a check."""

import asyncio
import itertools
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol, cast

import orjson
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from deploy.cockpit import CockpitError
from deploy.cockpit.access import Access
from deploy.cockpit.relay import Relay

FOLDER = Path(__file__).with_name("page")
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/cockpit.css": ("cockpit.css", "text/css; charset=utf-8"),
    "/cockpit.js": ("cockpit.js", "text/javascript; charset=utf-8"),
    "/ticker.js": ("ticker.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
"""Files of the page, by path; there are no others."""
DRIVE, SCENE = "/drive", "/scene"
"""The page's websocket; and viser, page and websocket."""
LARGEST = 4096
"""Bytes of a message from a page, at most."""
LARGEST_OF_VISER = 2**20
"""The same of viser's."""
SILENT_S = 120.0
"""After which a connection is given up, s. Who drives is given up by the controls, much sooner."""
GUARDS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
"""Headers of the page's own files: nothing from elsewhere in it, and it in no other's page."""


class Desk(Protocol):
    """Who minds the pages. Called in the front's thread, which waits for it."""

    def arrive(self, page: int) -> None:
        """A page is there."""
        ...

    def leave(self, page: int) -> None:
        """A page is gone."""
        ...

    def hear(self, page: int, said: dict[str, Any]) -> str:
        """A page says something; the answer is what to tell the person there, if anything.

        Raises:
            ValueError: If no page of ours says that; it is shut out.
        """
        ...


def refuse_taken(host: str, port: int) -> None:
    """Refuse now what `Front.open` would refuse later.

    Raises:
        CockpitError: If the port cannot be had.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except (OSError, OverflowError) as error:
        raise _not_had(host, port, error) from error


def _not_had(host: str, port: int, error: Exception) -> CockpitError:
    return CockpitError(
        f"--port: {port} on {host} cannot be had ({error}); name another one, or 0 for any that is "
        "free"
    )


class Front:
    """A server in a thread of its own.

    Args:
        desk: Minds the pages.
        relay: viser.
    """

    def __init__(self, desk: Desk, relay: Relay) -> None:
        self._desk, self._relay = desk, relay
        self._access: Access | None = None
        self._numbers = itertools.count(1)
        self._pages: dict[int, asyncio.Queue[bytes]] = {}
        self._server: Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="front", daemon=True)

    def open(self, host: str, port: int, token: str | None) -> int:
        """Serve; the port that is served on.

        Args:
            host: Interface's name or address.
            port: 0 for any that is free.
            token: What a page has to know; None for nothing.

        Raises:
            CockpitError: If it cannot be had.
        """
        self._thread.start()
        opened = asyncio.run_coroutine_threadsafe(self._open(host, port, token), self._loop)
        try:
            return opened.result()
        except (OSError, OverflowError) as error:
            self.close()
            raise _not_had(host, port, error) from error

    def publish(self, status: dict[str, Any]) -> None:
        """Tell every page how things are; one that is slow misses some. Thread-safe."""
        text = orjson.dumps(status, option=orjson.OPT_SERIALIZE_NUMPY)
        self._loop.call_soon_threadsafe(self._offer, text)

    def close(self) -> None:
        """Close every connection, and end the thread."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self, host: str, port: int, token: str | None) -> int:
        self._server = await serve(
            self._serve,
            host,
            port,
            process_request=self._answer,
            select_subprotocol=_first,
            compression=None,
            max_size=LARGEST_OF_VISER,
            ping_timeout=SILENT_S,
            server_header=None,
        )
        bound = next(iter(self._server.sockets)).getsockname()[1]
        self._access = Access(token, bound)
        return bound

    async def _close(self) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    async def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse, or give a file; None lets a websocket in."""
        assert self._access is not None
        if why := self._access.refusal(request.path, request.headers):
            return connection.respond(HTTPStatus.FORBIDDEN, f"refused: {why}\n")
        path = request.path.partition("?")[0]
        if request.headers.get("Upgrade", "").lower() == "websocket":
            known = path in (DRIVE, SCENE)
            return None if known else connection.respond(HTTPStatus.NOT_FOUND, "not here\n")
        if cookie := self._access.cookie(request.path):
            there = Headers({"Location": path, "Set-Cookie": cookie, "Content-Length": "0"})
            return Response(HTTPStatus.SEE_OTHER.value, "See Other", there, b"")
        if path.startswith(f"{SCENE}/"):
            return await self._relay.page(path.removeprefix(SCENE))
        if path not in FILES:
            return connection.respond(HTTPStatus.NOT_FOUND, "not here\n")
        name, kind = FILES[path]
        body = (FOLDER / name).read_bytes()
        headers = Headers({**GUARDS, "Content-Type": kind, "Content-Length": str(len(body))})
        return Response(HTTPStatus.OK.value, "OK", headers, body)

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        path = connection.request.path.partition("?")[0]
        ways: dict[str, Callable[[ServerConnection], Awaitable[None]]] = {
            DRIVE: self._mind,
            SCENE: self._relay.pass_on,
        }
        await ways[path](connection)

    async def _mind(self, connection: ServerConnection) -> None:
        """Listen to a page as long as it is there."""
        page, news = next(self._numbers), asyncio.Queue[bytes](1)
        self._pages[page] = news
        self._desk.arrive(page)
        teller = asyncio.create_task(_tell(connection, news, page))
        try:
            async for message in connection:
                answer = self._desk.hear(page, _read(message))
                if answer:
                    await connection.send(orjson.dumps({"say": answer}).decode())
        except (ConnectionClosed, TypeError, ValueError):
            pass  # gone, or none of our pages
        finally:
            del self._pages[page]
            self._desk.leave(page)
            teller.cancel()

    def _offer(self, text: bytes) -> None:
        for news in self._pages.values():
            if news.full():
                news.get_nowait()
            news.put_nowait(text)


async def _tell(connection: ServerConnection, news: asyncio.Queue[bytes], page: int) -> None:
    try:
        await connection.send(orjson.dumps({"you": page}).decode())
        while True:
            await connection.send((await news.get()).decode())
    except ConnectionClosed:
        return


def _read(message: str | bytes) -> dict[str, Any]:
    if len(message) > LARGEST:
        raise ValueError("too long for a page of ours")
    said: Any = orjson.loads(message)
    if not isinstance(said, dict):
        raise ValueError("no page of ours says that")
    return cast("dict[str, Any]", said)


def _first(_: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return offered[0] if offered else None
