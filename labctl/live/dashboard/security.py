"""Who may look, and what a page may do: Host, token and origin of a request, and the headers of each answer.

A page of another site that a person at the bench has open can send requests to 127.0.0.1, and, where its name is
made to point there (DNS rebinding), read what comes back. It cannot choose the headers Host and Origin: requests
that name another host are refused, and so is whatever could act and does not come from a page of ours.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from labctl.live.dashboard import places

if TYPE_CHECKING:
    from starlette.datastructures import Headers, MutableHeaders
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY: Final = (
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
#: For a picture that is looked at by itself: SVG from matplotlib has its styles inside, and no script may run.
PICTURE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Access:
    """Who may come in.

    `host` is where it listens; `token` is what a visitor must bring, None on loopback; `stop_token` is what a page
    of this very server has, and must send to stop a run.
    """

    host: str
    token: str | None
    stop_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @classmethod
    def at(cls, host: str) -> Access:
        """Open on loopback; anywhere else a token is drawn."""
        return cls(host, None if is_loopback(host) else secrets.token_urlsafe(32))

    def knows_host(self, header: str) -> bool:
        """Return whether a Host header is a name of this machine that no name server can point elsewhere."""
        name = _name_of(header)
        if is_loopback(name):
            return True
        if is_loopback(self.host):
            return False
        return _is_address(name) or name in {
            self.host.lower(),
            socket.gethostname().lower(),
            socket.getfqdn().lower(),
        }

    def may_stop(self, token: str) -> bool:
        """Return whether this is the token that a page of this server has."""
        return secrets.compare_digest(token.encode("utf-8", "replace"), self.stop_token.encode())

    def is_let_in(self, token: str | None) -> bool:
        """Return whether a visitor's token is the right one, or none is needed."""
        if self.token is None:
            return True
        return token is not None and secrets.compare_digest(
            token.encode("utf-8", "replace"), self.token.encode()
        )


def is_loopback(host: str) -> bool:
    """Tell the names and addresses that only this machine itself can reach."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Doorkeeper:
    """The outermost layer of the application: refuses, lets in, and puts the headers on each answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        from starlette.datastructures import Headers, MutableHeaders
        from starlette.responses import PlainTextResponse

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                _put_on(MutableHeaders(scope=message))
            await send(message)

        headers = Headers(scope=scope)
        if not self._access.knows_host(headers.get("host", "")):
            await PlainTextResponse("This is not the host that you asked for.\n", 403)(
                scope, receive, send_safely
            )
            return
        if not self._access.is_let_in(self._cookie(headers.get("cookie", ""), scope)):
            await self._admit(scope, receive, send_safely)
            return
        if scope["method"] not in {"GET", "HEAD"} and not _is_from_here(scope, headers):
            await PlainTextResponse("This must come from a page of the dashboard.\n", 403)(
                scope, receive, send_safely
            )
            return
        await self._app(scope, receive, send_safely)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a token from the address, once: it goes into a cookie, and out of the address."""
        from starlette.responses import PlainTextResponse, RedirectResponse

        given = places.arguments(scope["query_string"])
        token = next((value for name, value in given if name == "token"), None)
        if token is None or scope["method"] != "GET" or not self._access.is_let_in(token):
            answer = PlainTextResponse(
                "The address must have the token that labctl dashboard printed.\n", 401
            )
            await answer(scope, receive, send)
            return
        others = urlencode(
            [(name, value) for name, value in given if name != "token"], errors="surrogateescape"
        )
        moved = RedirectResponse(f"?{others}" if others else "/", 303)
        moved.set_cookie(_cookie_name(scope), token, httponly=True, samesite="strict", path="/")
        await moved(scope, receive, send)

    def _cookie(self, header: str, scope: Scope) -> str | None:
        cookies: SimpleCookie = SimpleCookie()
        try:
            cookies.load(header)
        except CookieError:
            return None
        kept = cookies.get(_cookie_name(scope))
        return kept.value if kept else None


def _put_on(headers: MutableHeaders) -> None:
    for name, value in _HEADERS.items():
        headers[name] = value
    headers.setdefault("Content-Security-Policy", POLICY)
    headers.setdefault("Cache-Control", "no-store")


def _is_from_here(scope: Scope, headers: Headers) -> bool:
    """Return whether a request was sent by a page of this very server, by what the browser says of it."""
    return headers.get("origin") == f"{scope['scheme']}://{headers.get('host', '')}"


def _cookie_name(scope: Scope) -> str:
    """A cookie is of a host, not of a port: two dashboards on one machine have one each."""
    return f"labctl-{(scope.get('server') or ('', 0))[1]}"


def _name_of(header: str) -> str:
    """The host in a Host header, without its port and brackets."""
    host = header.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
