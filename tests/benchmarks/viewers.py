"""What it costs a run to be looked at: processor time per row of the program that measures, with and without."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

ROUNDS = 9
#: A second or two on the simulated bench, which waits for nothing: rows come as fast as they ever can.
WORDS = ("mu0_H_step=2 Oe",)
FOLLOWER = """
import sys, time
from pathlib import Path
from labctl.errors import DataError
from labctl.live.following import Follower
target = Path(sys.argv[1])
print("ready", flush=True)
while True:
    try:
        run = Follower(target, with_file=False)
        break
    except DataError:
        time.sleep(0.02)
while not run.is_over:
    run.poll()
    time.sleep(0.1)
print(run.rows, flush=True)
"""

#: A page of the dashboard without its browser: it reads the events of the run until that is over.
PAGE = """
import json, sys, time
from urllib.error import HTTPError
from urllib.request import urlopen
rows = 0
print("ready", flush=True)
while not rows:
    try:
        with urlopen(sys.argv[1] + "events?run=a.h5", timeout=60) as stream:
            kind = ""
            for line in stream:
                name, _, value = line.decode().strip().partition(": ")
                kind = value if name == "event" else kind
                if name == "data" and kind == "progress":
                    rows = json.loads(value)["rows"]
    except HTTPError:
        pass
    time.sleep(0.02)
print(rows, flush=True)
"""


def measure(target: str, live: bool) -> None:
    """What the measuring process does: it prints its rows and us per row, those of the view's thread apart."""
    from labctl import engine, person
    from labctl.live.display import Display, displayed

    for name in ("numpy", "labctl.bench", "labctl.tell"):  # what a run needs anyway is loaded before
        import_module(name)
    spent, show = [0.0], Display.show

    def timed(self: Display) -> None:
        show(self)
        spent.append(time.thread_time())

    Display.show = timed
    request = engine.prepare("ahe-loop", WORDS, station="sim", sample="alox-2.0", seed=1, output=Path(target))
    start = time.process_time(), time.monotonic()
    with displayed(request, live) as shown:
        outcome = engine.run(request, shown.advance, shown.asking(person.ask), stops=shown.stops)
        cost, wall = time.process_time() - start[0], time.monotonic() - start[1]
    found = {"cost": cost, "wall": wall, "view": spent[-1]}
    per_row = {name: seconds / outcome.rows * 1e6 for name, seconds in found.items()}
    print(json.dumps({**per_row, "rows": outcome.rows}))


@contextlib.contextmanager
def _terminal() -> Iterator[int]:
    """A pseudo-terminal that somebody reads, as the standard error of a program."""
    master, slave = os.openpty()
    thread = threading.Thread(target=_drain, args=(master,), daemon=True)
    thread.start()
    yield slave
    os.close(slave)
    thread.join(5)
    os.close(master)


def _drain(master: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(master, 65536):
            pass


@contextlib.contextmanager
def _dashboard(folder: Path) -> Iterator[str]:
    """A dashboard of a folder; its address."""
    words = [
        sys.executable,
        "-c",
        "from labctl.cli import main; main()",
        "dashboard",
        str(folder),
        "--port",
        "0",
    ]
    with subprocess.Popen([*words, "--json"], stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        try:
            yield str(json.loads(serving.stdout.readline())["url"])
        finally:
            serving.terminate()


def _once(folder: Path, live: bool, followers: int, pages: int) -> dict[str, float]:
    with contextlib.ExitStack() as stack:
        looking = [(FOLLOWER, str(folder / "a.h5"))] * followers
        if pages:
            looking += [(PAGE, stack.enter_context(_dashboard(folder)))] * pages
        return _looked_at(folder, live, looking)


def _looked_at(folder: Path, live: bool, lookers: list[tuple[str, str]]) -> dict[str, float]:
    """What a run costs while these programs look at it, each of which must have seen all of its rows."""
    target = str(folder / "a.h5")
    looking = [
        subprocess.Popen([sys.executable, "-c", code, what], stdout=subprocess.PIPE, text=True)
        for code, what in lookers
    ]
    for one in looking:
        assert one.stdout is not None
        one.stdout.readline()
    code = f"import viewers; viewers.measure({target!r}, {live})"
    with _terminal() as terminal:
        said = subprocess.run(
            [sys.executable, "-c", code],
            cwd=Path(__file__).parent,
            env={**os.environ, "TERM": "xterm-256color"},
            check=True,
            stdout=subprocess.PIPE,
            stderr=terminal,
            text=True,
        )
    found = json.loads(said.stdout)
    for one in looking:
        assert int(one.communicate(timeout=30)[0]) == found["rows"]
    return found


CONTESTANTS = {
    "live view": (True, 0, 0),
    "1 follower": (False, 1, 0),
    "5 followers": (False, 5, 0),
    "1 page": (False, 0, 1),
    "5 pages": (False, 0, 5),
}
ALONE = "alone"


def medians(rounds: int = ROUNDS) -> dict[str, dict[str, float]]:
    """Medians over interleaved rounds, of each contestant.

    `cost` is processor time in us per row, `view` the part of it that the live view's own thread took; `ratio` and
    `wall` are processor and wall time per row over those of a run that nobody looked at, right before or right
    after it by turns: the speed of a shared machine wanders within a round.
    """
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for number in range(rounds):
        for name, how in CONTESTANTS.items():
            pair: dict[str, dict[str, float]] = {}
            order = {ALONE: (False, 0, 0), name: how}
            for which in order if number % 2 else reversed(order):
                with tempfile.TemporaryDirectory() as folder:
                    pair[which] = _once(Path(folder), *order[which])
            for which, one in pair.items():
                found[which]["cost"].append(one["cost"])
                found[which]["view"].append(one["view"])
                found[which]["ratio"].append(one["cost"] / pair[ALONE]["cost"])
                found[which]["wall"].append(one["wall"] / pair[ALONE]["wall"])
    return {
        name: {what: statistics.median(values) for what, values in found[name].items()}
        for name in (ALONE, *CONTESTANTS)
    }


def table(found: dict[str, dict[str, float]]) -> str:
    """The medians, as a Markdown table."""
    lines = [
        f"| {name} | {cost['cost']:.0f} | {cost['view']:.0f} | {cost['ratio']:.3f} | {cost['wall']:.3f} |"
        for name, cost in found.items()
    ]
    head = [
        "| looked at by | us of CPU per row | of it the view | ratio | ratio of wall time |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *lines])


if __name__ == "__main__":
    sys.stdout.write(table(medians()) + "\n")
