"""A real browser at a dashboard that is a process of its own, and everything that must not happen in it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

LABCTL = [sys.executable, "-c", "from labctl.cli import main; main()"]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def executable() -> str | None:
    """Where a Chromium is installed; None where there is none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium; the test is skipped where none is installed."""
    found = executable()
    if found is None:
        pytest.skip(f"there is no Chromium: none of {', '.join(NAMES)} is on the PATH")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, headless=True, args=FLAGS)
        yield chromium
        chromium.close()


class Server:
    """`labctl dashboard` of a folder, in a process of its own."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [*LABCTL, "dashboard", str(folder), "--port", str(port), "--json"],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )
        assert self.process.stdout is not None
        self.told: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.url: str = self.told["url"]

    def end(self) -> int:
        self.process.terminate()
        with self.process:
            return self.process.wait(20)


class Watched:
    """A page, and what it must not do: say anything on the console, fail, or ask anybody but its own server."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.context.on("request", lambda request: self.asked.append(request.url))

    def check(self, *allowed: str) -> None:
        """Nothing was said but lines with one of `allowed` in them, and nobody else was asked."""
        assert [line for line in self.said if not any(word in line for word in allowed)] == []
        assert self.asked
        assert [url for url in self.asked if not url.startswith(self.url)] == []


@contextmanager
def opened(chromium: Browser, url: str, address: str = "", **options: Any) -> Iterator[Watched]:
    """A page of its own, with nothing remembered from others."""
    context = chromium.new_context(
        viewport=options.pop("viewport", {"width": 1280, "height": 860}), **options
    )
    context.set_default_timeout(20_000)
    watched = Watched(context.new_page(), url)
    watched.page.goto(url + address)
    yield watched
    context.close()


def number_of_points(page: Page) -> int:
    """How many points the figure says it has."""
    return int(page.locator("section.figure").get_attribute("data-points") or 0)


INK = """() => { const canvas = document.querySelector(".uplot canvas"), data = canvas.getContext("2d")
  .getImageData(0, 0, canvas.width, canvas.height).data; let blue = 0;
  for (let i = 0; i < data.length; i += 4) if (data[i + 2] > 120 && data[i] < 60 && data[i + 3] > 200) blue++;
  return blue; }"""
"""How many pixels have the colour of the first curve."""
