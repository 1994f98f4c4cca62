"""Every simulated instrument against the witness of its wire language, entry by entry."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import witness
from spoken import SIMULATORS, declared
from witness import Exchange

from sim_instruments.clock import VirtualClock
from sim_instruments.instrument import Instrument
from sim_instruments.ports import SerialCable, TriggerLink
from sim_instruments.scpi import ScpiInstrument

#: Virtual seconds that the slowest thing an entry starts may take (ten readings of ten conversions).
PATIENCE = 60.0


class Resistor:
    """A load of 264 ohm, 0.4 ohm of it between the taps of a voltmeter."""

    resistance = 264.0
    current = 0.0

    def drive(self, current: Any) -> None:
        self.current = current

    def voltage(self) -> float:
        return 0.4 * self.current


class Coil:
    """A magnet's winding."""

    inductance = 0.1

    def __init__(self, resistance: float = 0.5) -> None:
        self.resistance = resistance

    def drive(self, ramp: Any) -> None:
        pass


class Sine:
    """A voltage of 1 kHz at a lock-in amplifier's input."""

    frequency = 1e3

    def __init__(self, rms: float) -> None:
        self.rms = rms

    def harmonic(self, order: int) -> complex:
        return complex(self.rms if order == 1 else 0.0)

    def subscribe(self, about_to_change: Callable[[], None]) -> None:
        pass


def keithley_6221(kind: Any, clock: VirtualClock, exchange: Exchange) -> Instrument:
    """A source with a nanovoltmeter on its serial port and trigger lines."""
    resistor, relay, link = Resistor(), SerialCable(), TriggerLink()
    rng = np.random.default_rng(1)
    SIMULATORS["keithley_2182a"](clock, resistor.voltage, rng, relay=relay, trigger_link=link)
    return kind(clock, resistor, relay=relay, trigger_link=link)


def keithley_2182a(kind: Any, clock: VirtualClock, exchange: Exchange) -> Instrument:
    volts = 0.05 if "input above the range" in exchange.note else 1e-3
    return kind(clock, lambda: volts, np.random.default_rng(1), line_frequency=60.0)


def kepco_bop(kind: Any, clock: VirtualClock, exchange: Exchange) -> Instrument:
    coil = Coil(8.0)  # 1 A needs less than 10 V, and 5 V make less than 1 A
    return kind(clock, coil, np.random.default_rng(1), noise=False, accuracy=False)


def lakeshore_643(kind: Any, clock: VirtualClock, exchange: Exchange) -> Instrument:
    return kind(clock, Coil(), np.random.default_rng(1), noise=False, accuracy=False)


def lakeshore_475(kind: Any, clock: VirtualClock, exchange: Exchange) -> Instrument:
    said = re.search(r"with (-?[\d.]+) T at the probe", exchange.note)
    tesla = float(said[1]) if said else 0.0123
    return kind(clock, lambda: tesla, np.random.default_rng(1), noise=False, accuracy=False)


def srs_sr830(kind: Any, clock: VirtualClock, exchange: Exchange) -> Instrument:
    said = re.search(r"with (-?[\d.]+) V at the input", exchange.note)
    signal = Sine(float(said[1]) if said else 1e-3)
    return kind(clock, signal, np.random.default_rng(1), noise=False, accuracy=False)


SET_UPS: dict[str, Callable[..., Instrument]] = {
    "keithley_6221": keithley_6221,
    "keithley_2182a": keithley_2182a,
    "kepco_bop": kepco_bop,
    "lakeshore_643": lakeshore_643,
    "lakeshore_475": lakeshore_475,
    "srs_sr830": srs_sr830,
}

ENTRIES = [
    pytest.param(name, exchange, id=f"{name}-{number}-{exchange.say[-1]}")
    for name in witness.ALL
    if name in SIMULATORS
    for number, exchange in enumerate(witness.load(name).exchanges)
]


def undeclared(kind: Any, exchange: Exchange) -> str | None:
    """Return the first header of an entry that the simulator does not declare.

    Where the entry is about undefined headers there is none: it must be refused, not skipped.
    """
    if exchange.error is not None and ("-113" in exchange.error or "CME" in exchange.error):
        return None
    for line in (*exchange.after, *exchange.say):
        for header in witness.absolute_headers(line):
            if "NOSUCH" in header or header == "!":  # it is to be refused
                continue
            if declared(kind, header) is None:
                return header
    return None


class Bus:
    """A controller that says lines and reads replies."""

    def __init__(self, instrument: Instrument, terminator: str) -> None:
        self.instrument = instrument
        self.terminator = terminator.encode()

    def say(self, line: str) -> None:
        self.instrument.write(line.encode() + b"\n")

    def hear_bytes(self) -> bytes:
        reply = self.instrument.next_reply(self.instrument.clock.now() + PATIENCE)
        assert reply is not None, "no answer"
        return reply

    def hear(self) -> str:
        reply = self.hear_bytes()
        assert reply.endswith(self.terminator)
        return reply[: -len(self.terminator)].decode()

    def ask(self, line: str) -> str:
        self.say(line)
        return self.hear()

    def is_silent(self) -> bool:
        instrument = self.instrument
        return instrument.next_reply(instrument.clock.now() + 1.0, message_exchange=False) is None


def test_every_simulator_on_offer_is_held_to_a_witness() -> None:
    """One that nobody sets up here would pass by not being asked."""
    assert set(SET_UPS) == set(SIMULATORS) <= set(witness.ALL)


@pytest.mark.parametrize(("name", "exchange"), ENTRIES)
def test_the_simulator_answers_as_the_witness_says(name: str, exchange: Exchange) -> None:
    """What is said, after what was said before, earns the reply, the meaning and the error of the entry."""
    kind = SIMULATORS[name]
    header = undeclared(kind, exchange)
    assert header is None, f"not simulated: {header}"
    clock = VirtualClock()
    bus = Bus(SET_UPS[name](kind, clock, exchange), witness.load(name).instrument["terminator_out"])

    for line in exchange.after:
        bus.say(line)
        if any(header.endswith("?") for header in witness.headers(line)):
            bus.hear()
    clock.wait(PATIENCE)
    old = setting(bus, exchange) if exchange.error is not None else None
    for line in exchange.say:
        bus.say(line)

    if exchange.error is not None and exchange.error.startswith("-420"):
        assert bus.instrument.next_reply(clock.now() + 1.0) is None
    elif exchange.answered:
        check_reply(bus, exchange)
    else:
        assert bus.is_silent()
    check_errors(bus, exchange)
    if exchange.error is not None and len(exchange.say) == 1:
        assert setting(bus, exchange) == old, "the refused line has changed the setting"
    elif not exchange.answered:
        check_setting(bus, exchange)


def check_reply(bus: Bus, exchange: Exchange) -> None:
    if exchange.hear_bytes is not None:
        assert len(bus.hear_bytes()) == exchange.hear_bytes
        return
    if exchange.hear is not None:
        assert [bus.hear() for _ in exchange.hear] == list(exchange.hear)
        return
    reply = bus.hear()
    match = re.fullmatch(exchange.hear_pattern or "", reply)
    assert match is not None, f"{reply!r} is not {exchange.hear_pattern!r}"
    groups, wanted = match.groupdict(), exchange.means["value"]
    if "value" in groups:
        assert float(groups["value"]) == pytest.approx(wanted, rel=1e-6, abs=1e-15)
    if "register" in groups:
        register = int(groups["register"])
        assert register & wanted == wanted if wanted else register == 0


def check_errors(bus: Bus, exchange: Exchange) -> None:
    """The error of the entry is reported; a plain setting leaves none."""
    if exchange.error is not None and (bit := re.match(r"ESR bit (\d)", exchange.error)):
        assert int(bus.ask("*ESR?")) & 1 << int(bit[1])
    elif exchange.error is not None:
        assert bus.ask("SYST:ERR?") == exchange.error
    elif not exchange.answered and isinstance(bus.instrument, ScpiInstrument):
        assert bus.ask("SYST:ERR?") == '0,"No error"'


def setting(bus: Bus, exchange: Exchange) -> str | None:
    """Ask for the setting that the last thing said is about; None where it has no query of its own."""
    header = witness.absolute_headers(exchange.say[-1])[-1] + "?"
    if not isinstance(bus.instrument, ScpiInstrument) or declared(type(bus.instrument), header) is None:
        return None
    return bus.ask(header)


def check_setting(bus: Bus, exchange: Exchange) -> None:
    """A number or a switch that was set is answered as it was meant."""
    meant = exchange.means.get("value")
    if isinstance(meant, (bool, int, float)) and (reply := setting(bus, exchange)) is not None:
        assert float(reply) == pytest.approx(float(meant))
