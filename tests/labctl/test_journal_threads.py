"""A journal into which more than one thread writes, as when a step of parking hangs and wakes up later."""

import sys
import threading
from array import array
from datetime import UTC, datetime

from journals import ROWS, measured
from stored_runs import header

from labctl import journal
from labctl.journal import journal_of, writer
from labctl.record import Event


def test_threads_that_write_at_once_write_whole_records_one_after_the_other(tmp_path):
    """A step of parking that hung wakes up while the next one talks: nothing is lost, doubled or torn."""
    store = measured(tmp_path / "a.h5")
    readings = array("d")
    store.clock(readings)

    def talk(name):
        for number in range(200):
            readings.append(float(number))
            store.wire(float(number), name, "say", "x" * 200)
            store.event(float(number), "info", name)

    names = [f"talker {number}" for number in range(4)]
    talkers = [threading.Thread(target=talk, args=(name,)) for name in names]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for talker in talkers:
            talker.start()
        for talker in talkers:
            talker.join()
    finally:
        sys.setswitchinterval(before)
    for row in ROWS:
        store.row(row)
    path = journal_of(store.target)
    with journal.opened(path) as descriptor:
        back = journal.read(path, descriptor)
        lines, taken = list(back.traffic), back.traffic.readings()
    assert back.damage == []
    said = [(line.instrument, line.time) for line in lines if line.instrument.startswith("talker")]
    assert sorted(said) == sorted((name, float(number)) for name in names for number in range(200))
    assert len([event for event in back.events if event.level == "info"]) == 800
    assert sorted(taken[9:]) == sorted(float(number) for number in range(200) for _ in names)


def test_what_comes_after_the_end_is_recorded_no_more(tmp_path):
    """A step of parking that was given up and wakes up late says its lines to nobody."""
    written = writer.Journal.create(tmp_path / "a.h5", header())
    written.line(1.0, "magnet", "say", "in time")
    written.end("complete", "", datetime(2026, 1, 2, tzinfo=UTC), 2.0)
    size = written.path.stat().st_size
    written.line(3.0, "magnet", "say", "late")
    written.event(Event(3.0, "warning", "late"))
    assert written.path.stat().st_size == size
    assert [line.text for line in written.traffic()] == ["in time"]
    assert written.failure is None
    written.close()
