"""The pictures of the dashboard in the README, made anew in a browser: python tests/dashboard_pictures.py [DIR]."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "labctl"))

from browsing import Server, browser, opened, until
from served_bench import Served

from labctl import cli

PICTURES = Path(__file__).parents[1] / "labctl" / "pictures"
RUNS = (
    ("ahe-loop", "alox-1.0", 1),
    ("ahe-loop", "alox-2.0", 2),
    ("stdp", "alox-2.0", 3),
    ("sigmoid-neuron", "alox-2.0", 4),
    ("minor-loops", "alox-2.0", 5),
    ("sot-switching", "alox-1.0", 6),
    ("sot-switching", "alox-2.0", 7),
)


#: The path of a temporary folder is no news.
NOWHERE = "document.querySelector('.folder').textContent = 'runs'"


def measure(folder: Path) -> None:
    """Measure on the simulated bench what is not in the folder yet."""
    for protocol, sample, seed in RUNS:
        target = folder / f"{protocol}_{sample}.h5"
        if not target.exists():
            labctl("run", protocol, "--sample", sample, "--seed", str(seed), "-o", str(target), "--no-live")


def labctl(*words: str) -> None:
    """Run a command; whatever it leaves but success ends this."""
    try:
        cli.main(list(words))
    except SystemExit as ended:
        if ended.code:
            raise


def main(folder: Path) -> None:
    """Make the two pictures that the README shows: the list while a run goes on, and a finished run."""
    measure(folder)
    best = folder / "sot-switching_alox-2.0.h5"
    labctl("tag", str(best), "+good", "+paper")
    with tempfile.TemporaryDirectory() as temporary:
        bench, server = Served(Path(temporary), "--time", "10"), Server(folder)
        run = bench.run(str(folder / "ahe-loop_served.h5"), "ahe-loop", "--no-rehearsal")
        try:
            with browser() as chromium, opened(chromium, server.url, device_scale_factor=1.35) as seen:
                page = seen.page
                page.set_viewport_size({"width": 1180, "height": 560})
                until(page, "(document.querySelector('.runs progress')?.value ?? 0) > 100", 90.0)
                page.evaluate(NOWHERE)
                page.screenshot(path=PICTURES / "dashboard-runs.png")
                run.terminate()
                page.goto(f"{server.url}run?run={best.name}")
                page.set_viewport_size({"width": 1180, "height": 800})
                until(page, "document.querySelector('section.figure').dataset.points > 0")
                page.evaluate(NOWHERE)
                page.screenshot(path=PICTURES / "dashboard-run.png")
            run.wait(60)
        finally:
            server.end()
            bench.end()
    for left in folder.glob("ahe-loop_served*"):
        left.unlink()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]).absolute())
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
