"""The server in front, over real sockets: what it gives, and to whom."""

import http.client
import json
import socket

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import serve as serve_here

from deploy.cockpit import CockpitError
from deploy.cockpit.front import DRIVE, FILES, LARGEST, SCENE, Front
from deploy.cockpit.relay import Relay

TOKEN = "a-token-of-this-test"
PATIENCE_S = 60.0


class Pages:
    """Remembers what pages say."""

    def __init__(self):
        self.there, self.said = [], []

    def arrive(self, page):
        self.there.append(page)

    def leave(self, page):
        self.there.remove(page)

    def hear(self, page, said):
        if "bad" in said:
            raise {1: ValueError, 2: TypeError}[said["bad"]]("no page of ours says that")
        self.said.append((page, said))
        return "pardon?" if said.get("ask") == "what" else ""


@pytest.fixture
def viser():
    """Stands in for viser: says back what it is told, and serves no file."""
    import threading

    def echo(connection):
        connection.send(f"protocol {connection.subprotocol}")
        for message in connection:
            connection.send(message)

    server = serve_here(
        echo, "127.0.0.1", 0, select_subprotocol=lambda _, offered: (offered or [None])[0]
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.socket.getsockname()[1]
    server.shutdown()
    thread.join()


@pytest.fixture
def front(viser):
    """Opens fronts, and closes them."""
    opened = []

    def open_one(token=None, host="127.0.0.1", port=0):
        made = Front(Pages(), Relay(viser))
        made.port = made.open(host, port, token)
        opened.append(made)
        return made

    yield open_one
    for one in opened:
        one.close()


def get(front, target="/", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=PATIENCE_S)
    try:
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


def socket_to(front, path=DRIVE, **options):
    address = f"ws://127.0.0.1:{front.port}{path}"
    return connect(address, open_timeout=PATIENCE_S, proxy=None, **options)


def eventually(condition):
    """Wait for what comes from another thread."""
    import time

    until_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.01)


def test_the_pages_files_are_given_and_nothing_else(front):
    one = front()
    for path, (_, kind) in FILES.items():
        status, body, headers = get(one, path)
        assert (status, headers["Content-Type"]) == (200, kind) and body
        assert "default-src 'self'" in headers["Content-Security-Policy"]
    for path in ("/front.py", "/../front.py", "/%2e%2e/front.py", "/page", DRIVE):
        assert get(one, path)[0] == 404


def test_a_page_is_minded_while_it_is_there(front):
    one = front()
    pages = one._desk
    with socket_to(one) as page:
        assert json.loads(page.recv(PATIENCE_S)) == {"you": 1}
        page.send('{"ask": "what"}')
        assert json.loads(page.recv(PATIENCE_S)) == {"say": "pardon?"}
        assert (pages.there, pages.said) == ([1], [(1, {"ask": "what"})])
        one.publish({"state": "policy"})
        assert json.loads(page.recv(PATIENCE_S)) == {"state": "policy"}
    eventually(lambda: pages.there == [])


@pytest.mark.parametrize(
    "said", ['{"bad": 1}', '{"bad": 2}', "[]", "not json", "x" * (LARGEST + 1)]
)
def test_what_no_page_of_ours_says_ends_its_connection(front, said):
    one = front()
    with socket_to(one) as page:
        page.recv(PATIENCE_S)
        page.send(said)
        with pytest.raises(ConnectionClosed):
            page.recv(PATIENCE_S)
    eventually(lambda: one._desk.there == [])


def test_visers_websocket_is_handed_on_but_no_wish_for_a_public_address(front):
    with socket_to(front(), SCENE, subprotocols=["viser-v1"]) as scene:
        assert scene.subprotocol == "viser-v1"
        assert scene.recv(PATIENCE_S) == "protocol viser-v1"
        scene.send(b"\x01ShareUrlRequest")
        scene.send(b"\x00\x01\x02")
        assert scene.recv(PATIENCE_S) == b"\x00\x01\x02"


# The token


@pytest.mark.parametrize("path", [DRIVE, SCENE])
@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong"])
def test_without_the_token_no_websocket_is_had(front, path, query):
    one = front(TOKEN)
    with pytest.raises(InvalidStatus) as refused, socket_to(one, path + query):
        pass
    assert refused.value.response.status_code == 403
    assert one._desk.there == []
    with socket_to(one, f"{path}?token={TOKEN}") as granted:
        assert granted.recv(PATIENCE_S)


@pytest.mark.parametrize("path", ["/", "/cockpit.js", f"{SCENE}/"])
def test_without_the_token_no_page_is_had(front, path):
    status, body, _ = get(front(TOKEN), path)
    assert status == 403
    assert body == (
        "refused: the token is missing or wrong: open the address that the cockpit printed\n"
    )


def test_with_the_token_a_browser_is_let_in_and_remembers(front):
    one = front(TOKEN)
    status, _, headers = get(one, f"/?token={TOKEN}")
    assert (status, headers["Location"]) == (303, "/")
    cookie = headers["Set-Cookie"].partition(";")[0]
    assert get(one, "/", Cookie=cookie)[0] == 200
    with socket_to(one, additional_headers={"Cookie": cookie}) as page:
        assert page.recv(PATIENCE_S)


@pytest.mark.parametrize("path", [DRIVE, SCENE])
def test_a_page_of_elsewhere_gets_no_websocket(front, path):
    with pytest.raises(InvalidStatus), socket_to(front(), path, origin="https://elsewhere.example"):
        pass


def test_a_port_in_use_is_refused_in_words(front):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CockpitError, match=rf"^--port: {port} on 127.0.0.1 cannot be had"):
            front(port=port)
