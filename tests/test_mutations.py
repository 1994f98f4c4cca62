"""The lines of safety: each is there, and each is missed where it is taken out."""

from pathlib import Path

import pytest
from mutations import MUTATIONS, ROOT, Mutation, judged, mutated


@pytest.mark.parametrize("one", MUTATIONS, ids=lambda one: one.name.replace(" ", "-"))
def test_a_line_of_safety_is_where_the_table_says(one: Mutation) -> None:
    """Once in its module, which is another one without it and still Python; the tests named for it exist."""
    whole = (ROOT / one.file).read_text(encoding="utf-8")
    changed = mutated(whole, one)
    assert changed != whole
    compile(changed, one.file, "exec")
    for test in one.tests.split():
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8") if name else (ROOT / file).exists()


def test_a_line_that_is_not_there_is_no_mutation() -> None:
    """Whoever rewords a line of safety is told."""
    with pytest.raises(LookupError, match="must hold once"):
        mutated("nothing", MUTATIONS[0])


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_every_line_of_safety_is_missed() -> None:
    """Each in turn, in a copy of the tree."""
    assert [one.name for one, noticed in judged(list(MUTATIONS)) if not noticed] == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_lines_of_safety_in_the_drivers_are_missed() -> None:
    """Those whose tests are quick."""
    quick = [one for one in MUTATIONS if all(Path(test).parts[1] == "drivers" for test in one.tests.split())]
    assert len(quick) > 12
    assert [one.name for one, noticed in judged(quick) if not noticed] == []
