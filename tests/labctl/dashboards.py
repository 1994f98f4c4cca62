"""What tests of the dashboard share: a folder of runs, some of them hostile, and a dashboard in process."""

import asyncio
import html.parser
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from many_runs import four
from stored_runs import PARAMETERS, SAMPLE, stored

from labctl.live.dashboard.app import Dashboard, create
from labctl.live.dashboard.security import Access
from labctl.record import Quantity

HERE = "http://127.0.0.1:8765"
EVIL = '<img src=x onerror="alert(1)">'


def a_folder(folder: Path) -> Path:
    """Runs alpha to delta, one with a hostile name, sample and title, a damaged file, and a link that leads out."""
    runs = four(folder)
    stored(
        runs / f"{EVIL.replace('/', '')}.h5",
        uuid="00000000-0000-4000-8000-0000000000ee",
        title=f"{EVIL} \x1b[2J‮",
        sample={**SAMPLE, "name": Quantity(EVIL)},
        parameters={**PARAMETERS, "averaging": Quantity("</script><script>alert(2)</script>")},
    )
    (runs / "torn.h5").write_bytes((runs / "alpha.h5").read_bytes()[:3000])
    secret = stored(folder.parent / "secret.h5", title="nobody outside may know")
    (runs / "leads-out.h5").symlink_to(secret)
    return runs


class Visitor:
    """Somebody who asks a dashboard in process, one question at a time; `dashboard` is the dashboard itself."""

    def __init__(self, dashboard: Dashboard, url: str) -> None:
        self.dashboard = dashboard
        self.runner = asyncio.Runner()
        transport = httpx.ASGITransport(create(dashboard))
        self.client = httpx.AsyncClient(transport=transport, base_url=url)

    def ask(self, method: str, address: str, **more: Any) -> httpx.Response:
        return self.runner.run(self.client.request(method, address, **more))

    def get(self, address: str, **more: Any) -> httpx.Response:
        return self.ask("GET", address, **more)

    def leave(self) -> None:
        self.runner.run(self.dashboard.readers.close())
        self.runner.run(self.client.aclose())
        self.runner.close()


@contextmanager
def served(folder: Path, state: Path, host: str = "127.0.0.1", url: str = HERE) -> Iterator[Visitor]:
    """A dashboard of a folder, and somebody who asks it; the user's own folders are empty."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            patch.setenv(f"XDG_{name}_HOME", str(state / name.lower()))
        visitor = Visitor(Dashboard(folder, Access.at(host)), url)
        try:
            yield visitor
        finally:
            visitor.leave()


def words_of(html: str) -> str:
    """The text of a page as a person reads it, roughly."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def tags_of(page: str) -> list[tuple[str, dict[str, str]]]:
    """Every tag of a page with its attributes, as a browser reads them."""
    found: list[tuple[str, dict[str, str]]] = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, {name: value or "" for name, value in attrs}))

    Reader().feed(page)
    return found
