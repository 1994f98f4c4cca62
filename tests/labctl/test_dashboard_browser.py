"""The dashboard in a real browser: what a person sees, types and clicks, and a run that goes on while they look."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import CONTRAST, FRAMES, INK, NAMELESS, Server, browser, number_of_points, opened, until
from dashboards import a_folder
from playwright.sync_api import Browser, expect
from served_bench import Served
from stored_runs import ANALYSIS, END, header

from labctl import runfile
from labctl.store import RunStore

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

NARROW = {"width": 375, "height": 700}
GONE = (
    "ERR_CONNECTION_REFUSED",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
    "ERR_CONNECTION_RESET",
    "ERR_EMPTY_RESPONSE",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as chromium:
        yield chromium


@pytest.fixture(scope="module", autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's own folders are empty."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            patch.setenv(f"XDG_{name}_HOME", str(folder / name.lower()))
        yield


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(a_folder(tmp_path_factory.mktemp("lab") / "runs"))
    yield server
    assert server.end() == 0


def test_the_list_is_gone_through_by_keys_and_a_run_is_opened(chromium: Browser, dashboard: Server) -> None:
    """`/` searches, Esc clears, arrows and Enter open a run; its curve is drawn and its own figure is there."""
    with opened(chromium, dashboard.url) as seen:
        page = seen.page
        rows = page.locator(".runs tbody tr[tabindex]")
        expect(rows).to_have_count(5)
        page.keyboard.press("/")
        page.keyboard.type("stdp")
        expect(rows).to_have_count(1)
        page.keyboard.press("Escape")
        expect(rows).to_have_count(5)
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        expect(page.locator("#help")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#help")).to_be_hidden()
        page.locator(".search input[name=where]").fill("status = stopped")
        expect(rows).to_have_count(1)
        page.locator("body").press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url("**/run?run=beta.h5")
        expect(page.locator(".x-title")).to_have_text("Hz (Oe)")
        expect(page.locator("section.figure")).to_have_attribute("data-points", "9")
        assert page.evaluate(INK) > 200
        page.locator("#pictures").scroll_into_view_if_needed()
        until(page, "document.querySelector('.pictures img').naturalWidth > 0")
        page.locator("select[name=apart]").select_option("branch")
        expect(page.locator(".legend button")).to_have_count(2)
        page.locator("#wire-form button").click()
        expect(page.locator("#wire tbody tr")).to_have_count(2)
        seen.check()


def test_runs_are_marked_and_overlaid_by_keys(chromium: Browser, dashboard: Server) -> None:
    """Two marks and `o`: common axes, a legend that tells the runs apart, and a curve that can be taken out."""
    with opened(chromium, dashboard.url, "?q=ahe-loop") as seen:
        page = seen.page
        for _ in range(3):
            page.keyboard.press("ArrowDown")
            page.keyboard.press("x")
        expect(page.locator("#overlay")).to_have_text("Overlay 3")
        page.keyboard.press("o")
        page.wait_for_url("**/overlay?*")
        expect(page.locator(".legend button")).to_have_count(3)
        expect(page.locator("section.figure")).to_have_attribute("data-points", "27")
        assert page.evaluate(INK) < 100  # the other two, of the same numbers, lie over it
        page.locator(".legend button").nth(1).click()
        page.locator(".legend button").nth(2).click()
        until(page, f"({INK})() > 200")
        seen.check("willReadFrequently")  # that is about these tests, who look at the canvas


def test_every_page_fits_a_telephone_and_the_dark(chromium: Browser, dashboard: Server) -> None:
    """Nothing is wider than 375 pixels, letters stand out from what is behind them, all that is used has a name."""
    for scheme in ("light", "dark"):
        with opened(chromium, dashboard.url, viewport=NARROW, color_scheme=scheme) as seen:
            for address in (
                "",
                "run?run=alpha.h5",
                "overlay?run=alpha.h5&run=beta.h5",
                "station",
                "run?run=none.h5",
            ):
                seen.page.goto(dashboard.url + address)
                assert seen.page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], address
                assert seen.page.evaluate(NAMELESS) == [], address
                least, where = seen.page.evaluate(CONTRAST)
                assert least >= 4.5, (scheme, address, where)  # WCAG 2.2, 1.4.3
            seen.check("404")


def test_a_hundred_thousand_points_are_moved_and_zoomed_without_a_hitch(
    chromium: Browser, tmp_path: Path
) -> None:
    """No frame takes longer than 100 ms; finer points come when the picture is at rest."""
    store = RunStore(tmp_path / "long.h5")
    store.begin(header())
    rows = 100_000
    for number in range(rows):
        place = number / rows
        field = 0.1 * (1 - abs(4 * place - 2)) * (-1 if place > 0.5 else 1)
        store.row(
            {
                "mu0_H_z": field,
                "R_xy": (1.5 if place < 0.3 else -1.5) + 0.01 * ((number * 7919) % 101 - 50),
                "branch": 1,
            }
        )
    store.finish("complete", "", END, 9.5, ANALYSIS, "ahe-loop 1.0, labctl 0.1.0", None)
    server = Server(tmp_path)
    with opened(chromium, server.url, "run?run=long.h5") as seen:
        page = seen.page
        expect(page.locator("section.figure")).to_have_attribute("data-points", str(rows))
        assert int(page.locator("section.figure").get_attribute("data-drawn") or 0) < 12_000
        until(page, "document.querySelector('.pictures img').naturalWidth > 0", 60.0)
        rounds = [sorted(page.evaluate(FRAMES)) for _ in range(3)]
        told = [(round(frames[len(frames) // 2], 1), round(frames[-1], 1)) for frames in rounds]
        print(f"\n{rows} points, 120 frames a round: median and longest (ms) {told}")
        assert (
            sorted(longest for _, longest in told)[1] <= 100
        )  # another program may take a core in one round
        page.locator(".plot").press("0")
        for _ in range(14):
            page.locator(".plot").press("+")
        until(page, "document.querySelector('.plot-note').textContent.includes('drawn as')")
        seen.check()
    assert server.end() == 0


def wait_for_points(page: object, least: int, patience: float = 60.0) -> int:
    """Wait until the figure has so many points."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if (found := number_of_points(page)) >= least:
            return found
        page.wait_for_timeout(100)
    raise AssertionError(f"only {number_of_points(page)} points")


def test_a_run_is_followed_while_it_is_measured_and_over_a_restart_of_the_server(
    chromium: Browser, tmp_path: Path
) -> None:
    """It appears in the list by itself; points come; the server goes and comes back; the run ends, all is there."""
    bench = Served(tmp_path, "--time", "10")
    (tmp_path / "runs").mkdir()
    server = Server(tmp_path / "runs")
    try:
        with opened(chromium, server.url) as listed, opened(chromium, server.url) as seen:
            run = bench.run("runs/a.h5", "ahe-loop", "--no-rehearsal", "-p", "mu0_H_step=20 Oe")
            expect(listed.page.locator(".runs tr.running")).to_have_count(1, timeout=30_000)
            page = seen.page
            page.goto(f"{server.url}run?run=a.h5")
            expect(page.locator("#head .badge")).to_have_text("running")
            first = wait_for_points(page, 3)
            assert page.locator("#readings").is_visible()
            port = server.told["port"]
            assert server.end() == 0
            expect(page.locator("#link")).to_have_class("link lost", timeout=10_000)
            server = Server(tmp_path / "runs", port)
            expect(page.locator("#link")).to_have_text("live", timeout=10_000)
            assert wait_for_points(page, first + 3) > first
            assert run.poll() is None
            run.communicate(timeout=120)
            assert run.returncode == 0
            expect(page.locator("#head .badge")).to_have_text("complete", timeout=10_000)
            expect(page.locator("#results table")).to_be_visible()
            assert wait_for_points(page, 1) == runfile.read_run(tmp_path / "runs/a.h5").rows
            expect(listed.page.locator(".runs tr.complete")).to_have_count(1, timeout=10_000)
            seen.check(*GONE)
            listed.check(*GONE)
    finally:
        server.end()
        bench.end()


def test_the_stop_button_parks_the_run(chromium: Browser, tmp_path: Path) -> None:
    """After a question; the file says stopped, the page too, and the outputs are off."""
    bench = Served(tmp_path, "--time", "5")
    (tmp_path / "runs").mkdir()
    server = Server(tmp_path / "runs")
    try:
        with opened(chromium, server.url) as seen:
            page = seen.page
            run = bench.run("runs/b.h5", "ahe-loop", "--no-rehearsal", "-p", "mu0_H_step=10 Oe")
            expect(page.locator(".runs tr.running")).to_have_count(1, timeout=30_000)
            page.goto(f"{server.url}station")
            expect(page.locator("#going-on")).to_contain_text("guarded by process")
            page.goto(f"{server.url}run?run=b.h5")
            wait_for_points(page, 3)
            page.get_by_role("button", name="Stop …").click()
            page.get_by_role("button", name="Let it go on").click()
            before = number_of_points(page)
            wait_for_points(page, before + 2)
            page.get_by_role("button", name="Stop …").click()
            page.get_by_role("button", name="Stop it").click()
            expect(page.locator("#head .badge")).to_have_text("stopped", timeout=60_000)
            _, said = run.communicate(timeout=60)
            assert run.returncode == 3, said
            assert runfile.read_run(tmp_path / "runs/b.h5").status == "stopped"
            assert bench.asked("source", "OUTP?") == "0"
            seen.check()
    finally:
        server.end()
        bench.end()


def test_a_flood_of_requests_costs_the_run_no_deadline(tmp_path: Path) -> None:
    """Ten clients ask as fast as they can while a run on a served bench, with its guard, goes to its end."""
    import httpx

    bench = Served(tmp_path, "--time", "20")
    (tmp_path / "runs").mkdir()
    server = Server(tmp_path / "runs")
    try:
        run = bench.run("runs/c.h5", "ahe-loop", "--no-rehearsal", "-p", "mu0_H_step=50 Oe")
        answers: dict[int, int] = {}
        addresses = ("", "?q=a", "station", "run?run=c.h5", "api/curves?run=c.h5", "stop", "nothing")

        def ask(number: int) -> None:
            with httpx.Client(timeout=30) as client:
                while run.poll() is None:
                    answer = client.get(server.url + addresses[number % len(addresses)])
                    answers[answer.status_code] = answers.get(answer.status_code, 0) + 1

        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(10) as pool:
            for asked in [pool.submit(ask, number) for number in range(10)]:
                asked.result()
        assert run.returncode == 0, run.communicate()[1]
        stored = runfile.read_run(tmp_path / "runs/c.h5")
        assert stored.status == "complete"
        assert [event for event in stored.log if event.level == "error"] == []
        assert not (tmp_path / "runs/c.h5.guard").exists()
        print(
            f"\nflood: {json.dumps(answers)} answers while {stored.rows} rows were measured, 0 deadlines missed"
        )
        assert sum(answers.values()) > 50
        assert server.end(signal.SIGINT) == 0
    finally:
        server.end()
        bench.end()
