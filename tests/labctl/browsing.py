"""A real browser at a dashboard that is a process of its own, and everything that must not happen in it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
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

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
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


def until(page: Page, script: str, patience: float = 20.0) -> None:
    """Wait until a script says true; playwright's own way has the page evaluate text, which is forbidden."""
    end = time.monotonic() + patience
    while not page.evaluate(script):
        assert time.monotonic() < end, script
        page.wait_for_timeout(50)


INK = """() => { const canvas = document.querySelector(".uplot canvas"), data = canvas.getContext("2d")
  .getImageData(0, 0, canvas.width, canvas.height).data; let blue = 0;
  for (let i = 0; i < data.length; i += 4) if (data[i + 2] > 120 && data[i] < 60 && data[i + 3] > 200) blue++;
  return blue; }"""
"""How many pixels have the colour of the first curve."""

FRAMES = """async () => {
  const over = document.querySelector(".u-over"), plot = document.querySelector(".plot");
  const box = over.getBoundingClientRect(), x = box.left + box.width / 2, y = box.top + box.height / 2;
  const at = { bubbles: true, cancelable: true, clientX: x, clientY: y };
  const wheel = (deltaY) => over.dispatchEvent(new WheelEvent("wheel", { ...at, deltaY }));
  const press = (key) => plot.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const frames = [];
  let last = await new Promise(requestAnimationFrame);
  for (let step = 0; step < 120; step++) {
    if (step < 40) wheel(step < 20 ? -100 : 100);
    else if (step < 80) press(step < 60 ? "ArrowLeft" : "ArrowRight");
    else over.dispatchEvent(new MouseEvent("mousemove", { ...at, clientX: box.left + 5 * (step - 80) }));
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - last);
    last = now;
  }
  return frames;
}"""
"""Zoom in and out, move to and fro, point here and there, once in each frame: how long each frame took (ms)."""

CONTRAST = """() => {
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const found = parts(getComputedStyle(node).backgroundColor);
      if (found[3] !== 0) return found;
    }
    return [255, 255, 255];
  };
  const told = [...document.querySelectorAll("p, td, th, a, h1, h2, dt, dd, button, .badge, .faint")]
    .filter((node) => node.offsetParent && node.textContent.trim() && !node.disabled)
    .map((node) => {
      const pair = [light(parts(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
      return [(pair[0] + 0.05) / (pair[1] + 0.05), `${node.className} ${node.textContent.slice(0, 30)}`];
    });
  return told.sort((a, b) => a[0] - b[0])[0];
}"""
"""The text that stands out least from what is behind it: contrast (WCAG 2.2), and where it is."""

NAMELESS = """() => [...document.querySelectorAll("button, input, select, a, img, progress, dialog, nav, section")]
  .filter((node) => !(node.ariaLabel || node.getAttribute("alt") !== null || node.textContent.trim()
    || node.querySelector("img[alt]") || node.labels?.length || node.getAttribute("aria-labelledby")))
  .map((node) => node.outerHTML.slice(0, 80))"""
"""What a person who does not see would be told nothing of."""
