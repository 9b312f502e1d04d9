"""Who may have the page and its websockets: this machine's browsers, or whoever has the token."""

import hmac
import ipaddress
import secrets
import string
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from deploy.cockpit import CockpitError

NEW = "new"
"""In place of a token: have one made."""
SHORTEST = 16
"""Characters of a token, at least."""
_ALLOWED = frozenset(string.ascii_letters + string.digits + "-_")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what is bound to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def choose_token(host: str, token: str | None) -> str | None:
    """What a page has to know before it gets anything; None on loopback, where nothing is asked.

    Args:
        host: What the page is bound to.
        token: As it was given; `NEW` for one to be made.

    Raises:
        CockpitError: If there is none where others could reach the page, or it is too simple.
    """
    if token is None:
        if not is_loopback(host):
            raise CockpitError(
                f"--host: {host} lets others on the network drive the robot; give --token {NEW} to "
                "have a token made, or --token TOKEN"
            )
        return None
    if token == NEW:
        return secrets.token_urlsafe(SHORTEST)
    if len(token) < SHORTEST or not _ALLOWED.issuperset(token):
        raise CockpitError(
            f"--token: want at least {SHORTEST} letters, digits, - or _, or {NEW} to have one made"
        )
    return token


class Access:
    """Decides about every request, pages and websockets alike.

    A browser opens websockets to any server for any page that asks, so those are asked where their
    page is from; and without a token, by which name they call this machine, because a foreign name
    may have been made to lead here.

    Args:
        token: What has to be known; None for nothing.
        port: Where the page is; browsers do not keep cookies of ports apart.
    """

    def __init__(self, token: str | None, port: int) -> None:
        self._token, self._cookie = token, f"surefoot_{port}"

    def refusal(self, target: str, headers: Mapping[str, str]) -> str:
        """Why a request is refused; empty where it is not.

        Args:
            target: Path and query.
            headers: Of the request, whatever the case of their names.
        """
        host = headers.get("Host", "")
        if self._token is None and not is_loopback(urlsplit(f"//{host}").hostname or ""):
            return f"{host!r} is not a name of this machine's loopback interface"
        origin = headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return f"a page of {origin} has no business here"
        if self._token is None or self._has_token(target, headers):
            return ""
        return "the token is missing or wrong: open the address that the cockpit printed"

    def cookie(self, target: str) -> str | None:
        """What makes a browser remember the token; None where the address does not have it."""
        if self._token is None or not self._is_token(_in_query(target)):
            return None
        return f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict"

    def _has_token(self, target: str, headers: Mapping[str, str]) -> bool:
        try:
            kept = SimpleCookie(headers.get("Cookie", "")).get(self._cookie)
        except CookieError:
            kept = None
        return self._is_token(_in_query(target)) or self._is_token(kept.value if kept else "")

    def _is_token(self, said: str) -> bool:
        return self._token is not None and hmac.compare_digest(said.encode(), self._token.encode())


def _in_query(target: str) -> str:
    return parse_qs(urlsplit(target).query).get("token", [""])[0]
