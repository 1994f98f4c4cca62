"""The dashboard's pages: what they show is what the files say, found by the words and conditions of `labctl ls`."""

import asyncio
import json
import os
import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dashboards import EVIL, Visitor, served, words_of
from journals import ROWS, measured
from many_runs import KINDS, hundred
from stored_runs import FIELD, HALL

from labctl import catalogue, notes
from labctl.errors import RequestError
from labctl.live.dashboard import app, curves, events, listing, notation, reader
from labctl.live.dashboard.following import Folder, Hub


def names(html: str) -> list[str]:
    """The runs of a list, in its order."""
    return [name.removesuffix(".h5") for name in re.findall(r'<tr class="\w+" data-run="([^"]+)"', html)]


def test_the_list_has_every_run_the_newest_first(visitor: Visitor) -> None:
    """With its status, rows and first results; a damaged file says what is wrong with it."""
    answer = visitor.get("/")
    assert answer.status_code == 200
    assert [name for name in names(answer.text) if name in KINDS] == list(reversed(KINDS))
    said = words_of(answer.text)
    assert "stopped" in said
    assert "<i>H</i><sub>c</sub>" in answer.text
    assert "torn.h5" in answer.text
    assert "2 of them not readable" in said
    assert "a link that leads out of this folder" in said


def test_the_list_is_searched_by_words_and_by_conditions(visitor: Visitor, runs_folder: Path) -> None:
    """All words must stand somewhere, in whatever case, notes included; conditions are those of `labctl ls`."""
    uuid = catalogue.entry_of(runs_folder / "gamma.h5").uuid
    notes.add_note(runs_folder / "gamma.h5", uuid, "A Scratch across the bar", datetime.now(UTC))
    assert names(visitor.get("/", params={"q": "STDP s1"}).text) == ["delta"]
    assert names(visitor.get("/", params={"q": "scratch"}).text) == ["gamma"]
    assert names(visitor.get("/", params={"where": "mu0_H_x > 500 Oe and status = complete"}).text) == [
        "delta"
    ]
    assert names(visitor.get("/", params={"q": "ahe-loop", "where": "mu0_H_x > 500 Oe"}).text) == ["beta"]
    assert "No run is like that" in visitor.get("/", params={"q": "nothing of that kind"}).text


@pytest.mark.parametrize("where", ["mu0_H_x > 500", "mu0_H_z_set > 5 Oe", "rows <", "((((", "x" * 1500])
def test_a_condition_that_cannot_be_asked_is_told_on_the_page(visitor: Visitor, where: str) -> None:
    """As one sentence, with the search as it was, and no traceback."""
    answer = visitor.get("/", params={"where": where})
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert "must" in words_of(answer.text)
    assert "Traceback" not in answer.text


def test_thousands_of_runs_come_by_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page holds so many and no more; a page that does not exist is the nearest that does."""
    monkeypatch.setattr(listing, "PAGE", 30)
    monkeypatch.setattr(catalogue, "default_location", lambda: tmp_path / "index.sqlite")
    runs = hundred(tmp_path / "runs")
    pages = [listing.page(runs, "", "", number) for number in (1, 4, 9)]
    assert [(len(page["runs"]), page["page"], page["pages"]) for page in pages] == [
        (30, 1, 4),
        (10, 4, 4),
        (10, 4, 4),
    ]
    assert not {run["name"] for run in pages[0]["runs"]} & {run["name"] for run in pages[1]["runs"]}


def test_while_many_files_are_read_for_the_first_time_the_page_says_so(
    runs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks again by itself, and has the list when that is there."""
    monkeypatch.setattr(app, "_SOON", 0.01)
    with served(runs_folder, tmp_path) as client:

        async def ask() -> list[str]:
            client.dashboard.begin()
            first = await client.client.get("/")
            await client.dashboard._first_look
            return [first.text, (await client.client.get("/")).text]

        before, after = client.runner.run(ask())
    assert 'http-equiv="refresh"' in before
    assert "being read" in before
    assert set(names(after)) >= set(KINDS)


def test_many_viewers_of_a_run_are_one_follower(tmp_path: Path) -> None:
    """The journal is read once for all of them, and let go of with the last."""
    store = measured(tmp_path / "a.h5")

    async def look() -> None:
        hub, path = Hub(tmp_path), tmp_path / "a.h5"
        async with hub.following(path) as one:
            async with hub.following(path) as other:
                assert one is other
            assert hub.known(path) is one
        assert hub.known(path) is None

    asyncio.run(look())
    store.close()


def test_the_page_of_a_run_says_what_labctl_show_says(visitor: Visitor) -> None:
    """Results with their uncertainties, parameters in the units of people, settings that changed, log and notes."""
    html = visitor.get("/run", params={"run": "alpha.h5"}).text
    said = words_of(html)
    assert "1000 Oe" in said
    assert "±" in said
    assert "field settled late" in said
    assert "KEITHLEY INSTRUMENTS INC.,MODEL 2182A" in said
    assert '<tr class="differs"><th scope="row">nplc</th><td class="num">5</td><td class="num">1' in html
    assert "scratch" in visitor.get("/run", params={"run": "gamma.h5"}).text.lower()
    assert "Stop" not in said.partition("Stop this run?")[0]


def in_Oe(fields: list[float]) -> list[float]:
    """Fields as the field's people say them."""
    return [round(10_000 * field) for field in fields]


def test_a_loop_is_drawn_in_the_order_in_which_it_was_measured(visitor: Visitor) -> None:
    """Nothing is sorted: the field goes up and comes down again."""
    found = visitor.get("/api/curves", params={"run": "alpha.h5"}).json()
    (series,) = found["series"]
    assert (series["x"], series["y"]) == (in_Oe(FIELD), HALL)
    assert series["x"] != sorted(series["x"])
    assert found["x"] == {"name": "mu0_H_z", "symbol": [["H", True, False], ["z", True, True]], "unit": "Oe"}
    assert found["y"]["unit"] == "Ω"
    assert found["bounds"] == [-1000, 1000, -1.5, 1.5]


def test_any_column_can_be_an_axis_and_branches_can_be_apart(visitor: Visitor) -> None:
    """A column that is none is refused with those that are."""
    found = visitor.get("/api/curves", params={"run": "alpha.h5", "x": "R_xy", "y": "branch"}).json()
    assert found["series"][0]["x"] == HALL
    apart = visitor.get("/api/curves", params={"run": "alpha.h5", "apart": "branch"}).json()["series"]
    assert [one["label"][0][0] for one in apart] == ["branch -1", "branch 1"]
    assert apart[1]["y"][5:] == [None] * 4
    refused = visitor.get("/api/curves", params={"run": "alpha.h5", "x": "mu0"})
    assert refused.status_code == 400
    assert "mu0_H_z, R_xy, branch" in refused.json()["error"]
    for name, value in (("width", "nan"), ("x0", "a"), ("height", "1e999")):
        edges = dict.fromkeys(("x0", "x1", "y0", "y1"), "1")
        assert visitor.get("/api/curves", params={"run": "alpha.h5", **edges, name: value}).status_code == 400


def test_an_overlay_tells_its_runs_apart_by_what_differs(visitor: Visitor) -> None:
    """The parameter that differs, in the units of people; at most as many runs as can be told apart."""
    html = visitor.get("/overlay", params={"run": ["alpha.h5", "beta.h5"]}).text
    assert "<i>H</i><sub><i>x</i></sub> = 200 Oe" in html
    assert "<i>H</i><sub><i>x</i></sub> = 800 Oe" in html
    found = visitor.get("/api/curves", params={"run": ["alpha.h5", "beta.h5"]}).json()
    assert [one["label"][-1][0] for one in found["series"]] == [" = 200 Oe", " = 800 Oe"]
    assert visitor.get("/overlay", params={"run": ["alpha.h5"] * 13}).status_code == 400
    assert visitor.get("/overlay").status_code == 400


def test_the_wire_is_filtered_and_comes_by_the_page(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By instrument and by text, in whatever case."""
    whole = visitor.get("/api/wire", params={"run": "alpha.h5"}).json()
    assert [line[1:] for line in whole["lines"]] == [
        ["voltmeter", "say", ":READ?"],
        ["voltmeter", "hear", "+1.5E-06"],
    ]
    assert visitor.get("/api/wire", params={"run": "alpha.h5", "text": "read"}).json()["total"] == 1
    assert visitor.get("/api/wire", params={"run": "alpha.h5", "instrument": "source"}).json()["total"] == 0


def test_a_figure_is_made_of_vectors_unless_it_has_too_many(
    visitor: Visitor, runs_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser stands still for seconds over a hundred thousand marks of SVG: then it is a picture of pixels."""
    assert visitor.get("/figure", params={"run": "alpha.h5"}).headers["content-type"] == "image/svg+xml"
    monkeypatch.setattr(reader, "_VECTORS", len(FIELD) - 1)
    _, content = reader.Reader(runs_folder).answer({"what": "figure", "run": "alpha.h5", "name": ""})
    assert content.startswith(b"\x89PNG")


def test_a_damaged_file_is_told_and_a_reader_that_dies_is_replaced(visitor: Visitor) -> None:
    """Neither costs anybody else a page."""
    broken = visitor.get("/run", params={"run": "torn.h5"})
    assert broken.status_code == 400
    assert "must be" in words_of(broken.text)
    desk = visitor.dashboard.readers._desks["runs"]
    os.kill(desk._process.pid, signal.SIGKILL)
    first = visitor.get("/api/curves", params={"run": "alpha.h5"})
    assert first.status_code in {200, 400}
    assert visitor.get("/api/curves", params={"run": "alpha.h5"}).status_code == 200


def test_names_and_notes_of_strangers_are_text_and_nothing_else(visitor: Visitor) -> None:
    """Markup is escaped, and what a screen would obey is shown as its escape."""
    listed = visitor.get("/").text
    one = next(name for name in re.findall(r'href="/run\?run=([^"]+)"', listed) if "onerror" in name)
    for html in (listed, visitor.get(f"/run?run={one}").text, visitor.get(f"/overlay?run={one}").text):
        assert EVIL not in html
        assert "<script>" not in html
        assert "\x1b" not in html
        assert "‮" not in html
    assert "&lt;img" in listed


def test_a_file_name_that_is_no_text_is_a_name_like_any_other(visitor: Visitor, runs_folder: Path) -> None:
    """Linux lets files be called by any bytes; signs that a URL or a page gives a meaning to have none."""
    names = [b"\xff\xfe.h5", "a&run=b?#%41+ ;\"'<>ü\n.h5".encode()]
    paths = [runs_folder / os.fsdecode(name) for name in names]
    for path in paths:
        path.write_bytes((runs_folder / "delta.h5").read_bytes())
    listed = visitor.get("/").text
    found = re.findall(r'href="(/run\?run=[^"]*)"', listed)
    assert any("%FF%FE" in address for address in found)
    for address in [address for address in found if "%FF" in address or "%26" in address]:
        assert "stdp" in visitor.get(address).text
        run = address.partition("=")[2]
        assert visitor.get(f"/api/curves?run={run}&run=delta.h5").status_code == 200
    for path in paths:
        path.unlink()


def test_symbols_are_written_as_figures_write_them() -> None:
    """mu0_H_x, shown in Oe, is H with the index x; axes are italic, other indices upright; a word stays a word."""
    assert notation.symbol("mu0_H_x") == "<i>H</i><sub><i>x</i></sub>"
    assert notation.symbol("I_th") == "<i>I</i><sub>th</sub>"
    assert notation.html(notation.named("mu0_H_c", "T")) == "<i>μ</i><sub>0</sub><i>H</i><sub>c</sub>"
    assert notation.symbol("phi") == "<i>φ</i>"
    assert notation.symbol("dI_10_90") == "Δ<i>I</i><sub>10,90</sub>"
    assert notation.symbol("u_R_xy").startswith("<i>u</i>(<i>R</i>")
    assert [str(notation.symbol(word)) for word in ("branch", "is_lockin")] == ["branch", "is_lockin"]
    assert notation.symbol("<b>") == "&lt;b&gt;"
    assert (
        notation.html(notation.pieces(r"a \$5 sample, $H_{x}$ = 2"))
        == "a $5 sample, <i>H</i><sub><i>x</i></sub> = 2"
    )


# --- runs that go on -----------------------------------------------------------------------------------


def parts(raw: bytes) -> tuple[str, object]:
    """An event's name and what it says."""
    lines = dict(line.split(": ", 1) for line in raw.decode().strip().splitlines())
    return lines.get("event", ""), json.loads(lines["data"])


def collected(folder: Path, target: Path, work: object, width: int = 800) -> list[tuple[str, object]]:
    """What a viewer hears of a run while `work` goes on in steps."""

    async def hear() -> list[tuple[str, object]]:
        heard: list[tuple[str, object]] = []
        hub = Hub(folder)
        steps = iter(work)
        async for raw in events.of_run(hub, target, curves.Wanted(width=width), {"server": "1"}):
            if raw.startswith(b":"):
                continue
            heard.append(parts(raw))
            if heard[-1][0] == "progress":
                next(steps, None)
        return heard

    return asyncio.run(asyncio.wait_for(hear(), 20))


def test_a_run_that_goes_on_is_told_row_by_row_until_it_has_ended(tmp_path: Path) -> None:
    """First what is there, then what comes, each point once and in its order; then how it ended."""
    target = tmp_path / "a.h5"
    store = measured(target, ROWS[:4])

    def work() -> Iterator[None]:
        for row in ROWS[4:]:
            store.row(row)
            yield
        store.close()
        yield

    heard = collected(tmp_path, target, work())
    assert [name for name, _ in heard[:2]] == ["hello", "curve"]
    first = heard[1][1]["series"][0]
    later = [told for name, told in heard if name == "rows"]
    assert first["x"] + [x for told in later for x in told["x"]] == FIELD
    assert first["y"] + [y for told in later for y in told["y"]] == HALL
    assert len(later) == 5
    assert heard[-1][0] == "status"
    assert heard[-1][1]["status"] == "interrupted"
    assert heard[-1][1]["is_over"] is True
    assert any("field settled late" in str(told) for name, told in heard if name == "log")


def test_rows_that_come_fast_come_as_a_whole_that_no_run_makes_larger(tmp_path: Path) -> None:
    """A picture of 40 pixels has 480 points: of 3000 rows more are never held by a viewer."""
    target = tmp_path / "a.h5"
    store = measured(target, ROWS[:2])

    def work() -> Iterator[None]:
        for burst in range(10):
            for number in range(300):
                place = (300 * burst + number) / 3000
                store.row({"mu0_H_z": place, "R_xy": (-1.0) ** number, "branch": 1})
            yield
        store.close()
        yield

    heard = collected(tmp_path, target, work(), width=40)
    held = most = 0
    for name, told in heard:
        if name == "curve":
            held = len(told["series"][0]["x"])
        elif name == "rows":
            held += len(told["x"])
        most = max(most, held)
    assert most <= 12 * 500
    assert len([name for name, _ in heard if name in {"curve", "rows"}]) <= 1 + 10  # one for each look at it
    assert max(told["rows"] for name, told in heard if name in {"curve", "rows"}) == 3002


def test_the_folder_tells_which_runs_go_on_and_that_the_list_has_changed(tmp_path: Path) -> None:
    """A run that begins is there, with its rows; one that has ended is not, and the sign of the list is another."""
    folder = Folder(tmp_path)
    none, quiet = folder.look()
    store = measured(tmp_path / "a.h5")
    one, busy = folder.look()
    store.close()
    after, _ = folder.look()
    assert (list(none), list(one), list(after)) == ([], ["a.h5"], [])
    assert quiet != busy


def test_a_run_that_is_no_run_ends_its_stream_with_a_word(tmp_path: Path) -> None:
    """Nobody waits for ever for what will not come."""
    (tmp_path / "a.h5.journal").write_bytes(b"labctl journal, version 1\n")
    heard = collected(tmp_path, tmp_path / "a.h5", [])
    assert heard[-1][0] == "status"
    assert "must" in heard[-1][1]["reason"]


def test_a_picture_of_no_run_or_of_strangers_columns_is_refused() -> None:
    """Rather than drawn as something else."""
    with pytest.raises(RequestError, match="at least one run"):
        curves.picture([], curves.Wanted())
