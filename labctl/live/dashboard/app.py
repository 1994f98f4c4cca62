"""The application: which address shows what. Only Stop acts; nothing here can start a run or change a set-point."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from labctl import tables
from labctl.errors import DataError, LabctlError, RequestError
from labctl.live.dashboard import curves, events, places, security, state, stopping
from labctl.live.dashboard.following import Hub
from labctl.live.dashboard.pages import Pages
from labctl.live.dashboard.places import NoRunError
from labctl.live.dashboard.readers import MissingError, Readers

if TYPE_CHECKING:
    from starlette.requests import Request

    from labctl.live.dashboard.security import Access

_STATIC: Final = Path(__file__).parent / "static"
_MAX_OVERLAY: Final = 12
_SOON: Final = 2.0  # s that a page may take before it says why (our choice)
_MAX_TEXT: Final = 2000


class Arguments:
    """What stands in the query of an address; whatever is no number where one must be is a RequestError."""

    def __init__(self, request: Request) -> None:
        try:
            self._given = places.arguments(request.scope["query_string"])
        except ValueError as error:
            raise RequestError("the address must have at most 100 arguments; it has more.") from error

    def all(self, name: str) -> list[str]:
        """Every value of an argument."""
        return [value for key, value in self._given if key == name]

    def text(self, name: str) -> str:
        """The first value of an argument, "" where it is not given."""
        value = next(iter(self.all(name)), "")
        if len(value) > _MAX_TEXT:
            raise RequestError(f"{name} must have at most {_MAX_TEXT} signs; got {len(value)}.")
        return value

    def number(self, name: str, default: float) -> float:
        """A finite number, `default` where it is not given."""
        text = self.text(name)
        try:
            value = float(text) if text else default
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise RequestError(f"{name} must be a number; got {text!r}.")
        return value

    def wanted(self) -> dict[str, Any]:
        """What is to be drawn, as `curves.Wanted` takes it."""
        edges = [self.text(name) for name in ("x0", "x1", "y0", "y1")]
        window = [self.number(name, 0.0) for name in ("x0", "x1", "y0", "y1")] if all(edges) else None
        return {
            "x": self.text("x"),
            "y": self.text("y"),
            "window": window,
            "width": int(self.number("width", 800)),
            "height": int(self.number("height", 500)),
            "apart": self.text("apart"),
        }


class Dashboard:
    """The pages of one folder for those whom `access` lets in."""

    def __init__(self, folder: Path, access: Access) -> None:
        self.folder = folder
        self.access = access
        self.readers = Readers(folder)
        self.hub = Hub(folder)
        self.pages = Pages(folder, access.stop_token)
        self._first_look: asyncio.Task[None] | None = None
        self._server = secrets.token_hex(8)  # tells a browser that the server is another one than before

    def begin(self) -> None:
        """Look through the folder once, whether or not anybody has asked yet: there may be thousands of files."""
        self._first_look = asyncio.create_task(self._look())

    async def _look(self) -> None:
        with suppress(LabctlError):  # whoever asks next is told
            await self.readers.tell("lists", "page", words="", where="", number=1)

    async def _has_looked(self) -> bool:
        if self._first_look is None:
            return True
        await asyncio.wait([self._first_look], timeout=_SOON)
        return self._first_look.done()

    # --- pages ------------------------------------------------------------------------------------

    async def runs(self, request: Request) -> Response:
        """The list of runs; while new files are being read for the first time, a word about that."""
        if not await self._has_looked():
            return HTMLResponse(self.pages.render("waiting.html.j2"), 503)
        given = Arguments(request)
        asked = {"words": given.text("q"), "where": given.text("where")}
        number = int(given.number("page", 1))
        try:
            found, error = await self.readers.tell("lists", "page", **asked, number=number), ""
        except RequestError as refused:
            found, error = {"runs": [], "total": 0, "page": 1, "pages": 1, "broken": 0}, str(refused)
        html = self.pages.render("runs.html.j2", found=found, asked=asked, error=error)
        return HTMLResponse(html, 400 if error else 200)

    async def run(self, request: Request) -> Response:
        """One run."""
        name = Arguments(request).text("run")
        facts = await self.readers.tell("runs", "facts", run=name)
        return HTMLResponse(self.pages.render("run.html.j2", run=facts))

    async def overlay(self, request: Request) -> Response:
        """Several runs on common axes."""
        names = Arguments(request).all("run")
        if not 1 <= len(names) <= _MAX_OVERLAY:
            raise RequestError(f"an overlay must be of 1 to {_MAX_OVERLAY} runs; got {len(names)}.")
        found = await self.readers.tell("runs", "overlay", runs=names)
        return HTMLResponse(self.pages.render("overlay.html.j2", **found))

    async def station(self, _request: Request) -> Response:
        """What goes on, and the stations that are known."""
        runs = await asyncio.to_thread(state.runs, self.folder)
        for run in runs:
            run["readings"] = await self._readings(run["name"])
        known = await asyncio.to_thread(state.stations)
        return HTMLResponse(self.pages.render("station.html.j2", runs=runs, stations=known))

    async def _readings(self, name: str) -> dict[str, Any] | None:
        if not name:
            return None
        try:
            async with self.hub.following(places.inside(self.folder, name)) as followed:
                return state.readings(followed)
        except (DataError, NoRunError):
            return None

    # --- data -------------------------------------------------------------------------------------

    async def curves(self, request: Request) -> Response:
        """The curves of runs for a picture."""
        given = Arguments(request)
        names = given.all("run")
        if not 1 <= len(names) <= _MAX_OVERLAY:
            raise RequestError(f"a picture must be of 1 to {_MAX_OVERLAY} runs; got {len(names)}.")
        wanted = given.wanted()
        followed = self.hub.known(places.inside(self.folder, names[0])) if len(names) == 1 else None
        if followed is not None and not followed.is_over:
            found = await asyncio.to_thread(
                curves.picture, [events.source_of(followed)], curves.Wanted(**wanted)
            )
            return Response(tables.json_text(found), media_type="application/json")
        return _json(await self.readers.ask("runs", "curves", runs=names, **wanted))

    async def wire(self, request: Request) -> Response:
        """One page of the wire."""
        given = Arguments(request)
        return _json(
            await self.readers.ask(
                "runs",
                "wire_page",
                run=given.text("run"),
                instrument=given.text("instrument"),
                text=given.text("text"),
                page=int(given.number("page", 1)),
            )
        )

    async def figure(self, request: Request) -> Response:
        """The picture that the protocol draws, as SVG, or as PNG where the run has very many rows."""
        given = Arguments(request)
        content = await self.readers.ask("figures", "figure", run=given.text("run"), name=given.text("name"))
        policy = {"Content-Security-Policy": security.PICTURE_POLICY}
        kind = "image/png" if content.startswith(b"\x89PNG") else "image/svg+xml"
        return Response(content, media_type=kind, headers=policy)

    async def events(self, request: Request) -> Response:
        """What happens from now on: to one run, or in the folder."""
        given = Arguments(request)
        hello = {"server": self._server, "stop_token": self.access.stop_token}
        if name := given.text("run"):
            wanted = curves.Wanted(**given.wanted())
            stream = events.of_run(self.hub, places.inside(self.folder, name), wanted, hello)
        else:
            stream = events.of_folder(self.hub, hello)
        return StreamingResponse(stream, media_type="text/event-stream")

    # --- the one thing that acts ------------------------------------------------------------------

    async def stop(self, request: Request) -> Response:
        """Stop a run as `labctl stop` does. The page must show that it was made by this server."""
        if not self.access.may_stop(request.headers.get("x-labctl-stop", "")):
            return _refused(request, 403, "The page is of an earlier server: reload it. Nothing was stopped.")
        path = places.inside(self.folder, Arguments(request).text("run"))
        return JSONResponse(await stopping.stop(path))


def create(dashboard: Dashboard) -> Starlette:
    """The application of a dashboard."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        dashboard.begin()
        yield
        dashboard.hub.close()
        await dashboard.readers.close()

    return Starlette(
        routes=[
            Route("/", dashboard.runs),
            Route("/run", dashboard.run),
            Route("/overlay", dashboard.overlay),
            Route("/station", dashboard.station),
            Route("/api/curves", dashboard.curves),
            Route("/api/wire", dashboard.wire),
            Route("/figure", dashboard.figure),
            Route("/events", dashboard.events),
            Route("/stop", dashboard.stop, methods=["POST"]),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
        middleware=[Middleware(security.Doorkeeper, access=dashboard.access)],
        exception_handlers={
            MissingError: _handler(dashboard, 404),
            NoRunError: _handler(dashboard, 404),
            RequestError: _handler(dashboard, 400),
            LabctlError: _handler(dashboard, 500),
            404: lambda request, _error: _page(dashboard, request, 404, "There is no such page."),
        },
        lifespan=lifespan,
    )


def _handler(dashboard: Dashboard, status: int) -> Callable[[Request, Exception], Response]:
    return lambda request, error: _page(dashboard, request, status, str(error))


def _page(dashboard: Dashboard, request: Request, status: int, text: str) -> Response:
    if request.url.path in {"/", "/run", "/overlay", "/station"}:
        return HTMLResponse(dashboard.pages.render("error.html.j2", status=status, text=text), status)
    return _refused(request, status, text)


def _refused(_request: Request, status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status)


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
