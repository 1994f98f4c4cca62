"""What all tests share: hypothesis draws the same examples every time, and a suite can be run in parts."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("labctl", deadline=None, derandomize=True)
settings.load_profile("labctl")


@pytest.fixture(autouse=True)
def no_step_of_parking_outlives_its_test() -> Iterator[None]:
    """A step that hangs is left to itself, in a thread: one that goes on would slow down every test after it."""
    yield
    left = [thread for thread in threading.enumerate() if thread.name.startswith("parking ")]
    for thread in left:
        thread.join(5.0)
    assert [thread.name for thread in left if thread.is_alive()] == []


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--part 1/2`: the first of two parts, to be run side by side."""
    parser.addoption("--part", metavar="I/N", help="run every N-th test file from the I-th on")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep a part of the files; the closure test, which judges what the others made instruments say, is in each."""
    if not config.getoption("--part"):
        return
    number, parts = map(int, config.getoption("--part").split("/"))
    files = sorted({item.path for item in items})
    kept = {*files[number - 1 :: parts], *(path for path in files if path.name == "test_closure.py")}
    config.hook.pytest_deselected(items=[item for item in items if item.path not in kept])
    items[:] = [item for item in items if item.path in kept]
