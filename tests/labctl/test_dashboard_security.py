"""Strangers at the dashboard: who is let in, what a page of another site can do, and what no address leads to."""

import re
from pathlib import Path
from typing import Any

import pytest
from command_line import Command
from dashboards import HERE, Visitor, served, tags_of

from labctl.live.dashboard import places, stopping
from labctl.live.dashboard.app import create
from labctl.live.dashboard.security import POLICY, Access

PAGES = (
    "/",
    "/run?run=alpha.h5",
    "/overlay?run=alpha.h5&run=beta.h5",
    "/station",
    "/run?run=none.h5",
    "/nothing",
)
DATA = ("/api/curves?run=alpha.h5", "/api/wire?run=alpha.h5", "/static/plot.js", "/api/curves?run=none.h5")


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every run that was to be stopped; none is."""
    asked: list[Path] = []

    async def stop(path: Path) -> dict[str, Any]:
        asked.append(path)
        return {"status": 0, "out": "{}", "err": ""}

    monkeypatch.setattr(stopping, "stop", stop)
    return asked


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8765",
        "",
        "192.168.0.7",
        "a@b",
    ],
)
def test_a_name_that_somebody_else_can_point_here_is_refused(visitor: Visitor, host: str) -> None:
    """DNS rebinding: a page of evil.example, whose name now means 127.0.0.1, reads nothing."""
    for address in (*PAGES, *DATA):
        answer = visitor.get(address, headers={"host": host})
        assert answer.status_code == 403
        assert "alpha" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:9000", "LOCALHOST", "[::1]:8765", "127.1.2.3"])
def test_every_name_of_the_own_machine_is_known(visitor: Visitor, host: str) -> None:
    """Through whatever port: somebody may come by a tunnel."""
    assert visitor.get("/station", headers={"host": host}).status_code == 200


def test_beyond_loopback_nobody_comes_in_without_the_token(runs_folder: Path, tmp_path: Path) -> None:
    """401 without it or with another; the right one goes into a cookie that no script and no other site has."""
    lan = "http://192.168.0.7:8765"
    with served(runs_folder, tmp_path, host="0.0.0.0", url=lan) as client:
        token = client.dashboard.access.token
        assert token is not None
        assert len(token) > 40
        for address in (*PAGES, *DATA, "/?token=", "/?token=wrong", f"/?token={token}x", f"/?Token={token}"):
            answer = client.get(address)
            assert (answer.status_code, "alpha" in answer.text) == (401, False), address
        for cookie in ("labctl-8765=wrong", f"labctl-1={token}", 'labctl-8765=é"', "=;;="):
            assert client.get("/", headers={"cookie": cookie.encode("latin-1")}).status_code == 401
        assert (
            client.ask("POST", f"/stop?run=alpha.h5&token={token}", headers={"origin": lan}).status_code
            == 401
        )

        first = client.get(f"/run?run=alpha.h5&token={token}")
        assert (first.status_code, first.headers["location"]) == (303, "?run=alpha.h5")
        assert re.search(r"labctl-8765=.*HttpOnly; Path=/; SameSite=strict", first.headers["set-cookie"])
        assert client.get("/run?run=alpha.h5").status_code == 200
        assert client.get("/", headers={"host": "evil.example"}).status_code == 403


def test_on_loopback_there_is_no_token_to_lose(visitor: Visitor) -> None:
    """Only those who are at the machine already can come."""
    assert visitor.dashboard.access.token is None
    for host, token in (
        ("127.0.0.1", False),
        ("::1", False),
        ("localhost", False),
        ("0.0.0.0", True),
        ("::", True),
    ):
        assert (Access.at(host).token is not None) is token, host
    assert Access.at("0.0.0.0").token != Access.at("0.0.0.0").token


def test_only_a_page_of_this_very_server_can_stop_a_run(visitor: Visitor, stopped: list[Path]) -> None:
    """Another site's form or script, an old page, a link: refused, and no command is sent."""
    right = {"origin": HERE, "x-labctl-stop": visitor.dashboard.access.stop_token}
    bad: list[dict[str, str]] = [
        {},
        {"origin": HERE},
        {"x-labctl-stop": right["x-labctl-stop"]},
        {**right, "origin": "http://evil.example"},
        {**right, "origin": "null"},
        {**right, "origin": "http://127.0.0.1:9999"},
        {**right, "origin": "https://127.0.0.1:8765"},
        {**right, "x-labctl-stop": "of an earlier server"},
        {**right, "host": "evil.example", "origin": "http://evil.example"},
    ]
    for headers in bad:
        assert visitor.ask("POST", "/stop?run=alpha.h5", headers=headers).status_code == 403, headers
    assert visitor.get("/stop?run=alpha.h5", headers=right).status_code == 405
    for name in ("../secret.h5", "none.h5", ""):
        assert visitor.ask("POST", "/stop", params={"run": name}, headers=right).status_code == 404
    assert stopped == []
    assert visitor.ask("POST", "/stop?run=alpha.h5", headers=right).status_code == 200
    assert [path.name for path in stopped] == ["alpha.h5"]


def test_a_run_that_has_ended_is_not_stopped(visitor: Visitor) -> None:
    """There is nothing to be stopped, which is said."""
    right = {"origin": HERE, "x-labctl-stop": visitor.dashboard.access.stop_token}
    answer = visitor.ask("POST", "/stop?run=alpha.h5", headers=right)
    assert answer.status_code == 400
    assert "Nothing was stopped" in answer.json()["error"]


def test_nothing_but_stop_can_act(visitor: Visitor) -> None:
    """Every other address only answers GET: no run can be started and no set-point changed from here."""
    routes = create(visitor.dashboard).routes
    methods = {route.path: getattr(route, "methods", None) for route in routes}
    assert methods.pop("/stop") == {"POST"}
    assert methods.pop("/static") is None
    assert set(map(tuple, map(sorted, methods.values()))) == {("GET", "HEAD")}
    assert not any(
        word in path for path in methods for word in ("set", "start", "measure", "park", "set-point")
    )


@pytest.mark.parametrize(
    "name",
    [
        "../secret.h5",
        "day/../../secret.h5",
        "./alpha.h5",
        "/etc/passwd",
        "//alpha.h5",
        "leads-out.h5",
        "alpha.h5/",
        "alpha.h5\0.h5",
        "..\\secret.h5",
        "alpha",
        "alpha.png",
        "",
        "%2e%2e/secret.h5",
        "x" * 5000 + ".h5",
    ],
)
def test_no_name_leads_out_of_the_folder(visitor: Visitor, runs_folder: Path, name: str) -> None:
    """404 by every way in which a run can be asked for, and not a word of what is elsewhere."""
    (runs_folder / "notes.h5").mkdir(exist_ok=True)
    for address in ("/run", "/overlay", "/api/curves", "/api/wire", "/figure", "/events"):
        if not name and address == "/events":
            continue  # that is the folder's own stream, which has no end
        answer = visitor.get(address, params={"run": name})
        assert answer.status_code in {400, 404}, address
        assert "nobody outside" not in answer.text
    with pytest.raises(places.NoRunError):
        places.inside(runs_folder, name)


@pytest.mark.parametrize(
    "address",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/%2e%2e/app.py",
        "/static//etc/passwd",
        "/../app.py",
    ],
)
def test_only_what_is_meant_for_browsers_is_served_from_the_package(visitor: Visitor, address: str) -> None:
    """No path leads from the scripts to the program."""
    answer = visitor.get(address)
    assert answer.status_code == 404
    assert "import" not in answer.text


def test_a_page_loads_nothing_from_elsewhere_and_runs_no_script_in_its_text(visitor: Visitor) -> None:
    """The policy is on every answer, refusals included, and the pages live by it."""
    for address in (*PAGES, *DATA):
        answer = visitor.get(address)
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "access-control-allow-origin" not in answer.headers
        for tag, attributes in tags_of(answer.text) if "<html" in answer.text else []:
            assert not any(name == "style" or name.startswith("on") for name in attributes), (tag, attributes)
            assert all(attributes.get(name, "/")[:1] in "/#" for name in ("src", "href", "action"))
            assert tag != "script" or "src" in attributes
    figure = visitor.get("/figure?run=alpha.h5")
    assert figure.headers["content-type"] == "image/svg+xml"
    assert figure.text.lstrip().startswith("<?xml")
    assert "script" not in figure.headers["content-security-policy"]


def test_what_cannot_be_served_is_said_in_one_line(labctl: Command, tmp_path: Path) -> None:
    """A folder that is none, an address that is not this machine's, a port that is taken."""
    import socket

    assert labctl("dashboard", "nowhere").status == 2
    assert labctl("dashboard", "--host", "no.such.host.invalid").status == 2
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = labctl("dashboard", "--port", str(taken.getsockname()[1]))
    assert said.status == 4
    assert "taken by another program" in said.err
    assert "Nothing is served" in said.err
