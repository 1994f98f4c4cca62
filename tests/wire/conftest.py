"""Listens to drivers and simulators from the first test of the session to the last, which is the closure test."""

from __future__ import annotations

import pytest
from traffic import Traffic

_TRAFFIC = pytest.StashKey[Traffic]()
_PATCH = pytest.StashKey[pytest.MonkeyPatch]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the closure test behind all others: it judges what they made the instruments say."""
    items.sort(key=lambda item: item.path.name == "test_closure.py")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Listen."""
    patch, traffic = pytest.MonkeyPatch(), Traffic()
    traffic.listen(patch)
    session.config.stash[_PATCH], session.config.stash[_TRAFFIC] = patch, traffic


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop listening."""
    if _PATCH in session.config.stash:
        session.config.stash[_PATCH].undo()


@pytest.fixture(scope="session")
def traffic(pytestconfig: pytest.Config) -> Traffic:
    """Return what was heard so far in this session."""
    return pytestconfig.stash[_TRAFFIC]
