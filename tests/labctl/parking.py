"""What a bench itself says of being parked: the instruments are asked, not the program."""

from typing import Any


def assert_parked(bench: Any) -> None:
    """No current in the bar, the output off, every magnet at zero but for its supply's offset and its yoke."""
    say = bench.instruments["source"].write
    say(b"OUTP?\n")
    assert bench.instruments["source"].next_reply(bench.clock.now() + 1) == b"0\n"
    before = bench.envelope.charge
    bench.clock.wait(10.0)
    assert bench.envelope.charge == before
    for spec in bench.spec.magnets:
        assert abs(bench.magnets[spec.name].mu0_H(bench.clock.now())) < 1e-4 + spec.remanence
