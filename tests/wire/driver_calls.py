"""What each driver is told and asked for each quantity in the witnesses, and a resource that plays along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pyvisa.constants import InterfaceType, StatusCode
from pyvisa.errors import VisaIOError

from drivers._instrument import Instrument
from drivers.lakeshore_475 import ReadingMode

Do = Callable[[Any, Any], object]


class Player:
    """A resource that remembers settings, answers from `answers`, and is never out of words for a query."""

    interface_type = InterfaceType.gpib
    resource_class = "INSTR"
    #: What is answered where a word was said.
    WORDS: ClassVar = {"ON": "1", "OFF": "0", "CURR": "1", "VOLT": "0"}

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = dict(answers)
        self.said: list[str] = []
        self.timeout = 0.0
        self.write_termination = self.read_termination = ""
        self._pending: list[str] = []
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += seconds

    def write(self, line: str) -> None:
        self.said.append(line)
        header, _, argument = line.partition(" ")
        if header.endswith("?"):
            if header in self.answers:
                self._pending.append(self.answers[header])
        elif argument:
            self.answers[f"{header}?"] = self.WORDS.get(argument, argument)

    def read(self) -> str:
        if not self._pending:
            raise VisaIOError(StatusCode.error_timeout)
        return self._pending.pop(0)

    def clear(self) -> None:
        self._pending.clear()


#: What an instrument that is idle and well answers, so that a driver can be prepared.
IDLE = {
    "keithley_6221": {
        "SYST:ERR?": '0,"No error"', "OUTP:INT:TRIP?": "1", "OUTP?": "0", "SOUR:CURR?": "0",
        "SOUR:WAVE:ARB:POIN?": "2", "SOUR:WAVE:ARM?": "1", "STAT:OPER?": "144", "STAT:MEAS?": "0",
    },
    "keithley_2182a": {"SYST:ERR?": '0,"No error"', "SYST:LFR?": "60", "READ?": "+1.0E-06"},
    "kepco_bop": {
        "SYST:ERR?": '0,"No error"', "FUNC:MODE?": "1", "OUTP?": "0", "CURR?": "0E0", "VOLT?": "3.6E1",
        "MEAS:CURR?": "0E0", "MEAS:VOLT?": "0E0",
    },
    "lakeshore_643": {
        "*ESR?": "0", "XPGM?": "0", "SETI?": "+00.0000", "RDGI?": "+00.0000", "ERST?": "0,0",
    },
    "lakeshore_475": {"*ESR?": "0", "RDGFIELD?": "+000.000E+00"},
    "srs_sr830": {"*ESR?": "0", "LIAS?": "0", "FREQ?": "1000", "HARM?": "1", "OFLT?": "8"},
}  # fmt: skip


def put(name: str) -> Do:
    """Return the driver call that assigns a setting."""
    return lambda driver, value: setattr(driver, name, value)


def get(name: str) -> Do:
    """Return the driver call that reads an attribute."""
    return lambda driver, _: getattr(driver, name)


def resynchronise(driver: Instrument, _: Any) -> None:
    driver.wire.distrust()
    driver.wire.resynchronise()


def ramp(driver: Any, value: float) -> None:
    driver.prepare(I_max=70.1, rate=50.0)
    driver.set_current(value)


def pulse(driver: Any, peak: float = 1e-3, slot: float = 1e-3) -> None:
    """Play one slot of `peak` (A) and one of zero."""
    driver.prepare(I_max=1e-3, compliance=1.0)
    driver.play([peak, 0.0], slot, compliance=105.0, R_load=1.0)


def sine(driver: Any) -> None:
    """Start the smallest sine that a lock-in can follow."""
    driver.prepare(I_max=1e-3, compliance=1.0)
    driver.wire._resource.answers["STAT:OPER?"] = "16"  # started, and not stopped
    driver.start_sine(1e-3, 1e3, compliance=105.0, R_load=1.0)


def walk(driver: Any, current: float) -> None:
    """Prepare a supply whose rating its identity tells, and walk to `current` (A)."""
    driver.connect()
    driver.prepare(I_max=12.0, rate=50.0)
    driver.set_current(current)


def beyond_rating(driver: Any, current: float) -> None:
    driver.connect()
    driver.prepare(I_max=abs(current), rate=50.0)


def voltage_limit(driver: Any, volts: float) -> None:
    driver.connect()
    driver.prepare(I_max=12.0, rate=50.0, voltage_limit=abs(volts))


def event(register: str, bit: int) -> Do:
    """Return the driver call that tells whether a bit of a register is set."""
    return lambda driver, _: bool(driver.ask_register(getattr(driver, register)) >> bit & 1)


def limit(driver: Any, value: str) -> None:
    I_max, rate = (float(part) for part in value.split(","))
    driver.prepare(I_max, rate)


def prepared_reading(driver: Any, query: str) -> float:
    driver.prepare(1e-3, 1.0)
    return driver.read_fresh() if query == "SENS:DATA:FRES?" else driver.read_voltage()


def field(driver: Any, _: Any) -> float:
    reply = driver.wire._resource.answers["RDGFIELD?"]
    driver.prepare()
    driver.wire._resource.answers["RDGFIELD?"] = reply
    return driver.read_field()


MODES = {
    "DC, 4 digits, wide filter, pulse peak, both peaks": ReadingMode(
        "DC", "4 digits", "wide", "pulse", "both"
    ),
    "DC, 4 digits, wide filter": ReadingMode("DC", "4 digits", "wide", "pulse", "both"),
    "DC, 5 digits, low-pass filter": ReadingMode("DC", "5 digits", "low pass", "periodic", "positive"),
    "RMS": ReadingMode("RMS", "4 digits", "wide", "periodic", "positive"),
    "peak, periodic": ReadingMode("peak", "3 digits", "wide", "periodic", "both"),
}


def set_mode(driver: Any, value: str) -> None:
    driver.reading_mode = MODES[value]


def snap(driver: Any, query: str) -> tuple[float, float]:
    """Return X and Y as a prepared lock-in understands the answer to `query`."""
    answers = driver.wire._resource.answers
    answers["SNAP?"] = answers[query]
    driver.prepare(V_max_rms=1e-3, time_constant=0.1)
    return driver.read_xy()


def detect(driver: Any, harmonic: int) -> None:
    """Prepare a lock-in at 60 kHz, of which no other harmonic is within its reach, and select one."""
    driver.use_internal_reference(60e3)
    driver.wire._resource.said.clear()
    driver.prepare(V_max_rms=1e-3, time_constant=0.1, harmonic=harmonic)


#: The settings of the SR830 by the quantity of the witness.
SR830_SETTINGS = {
    "reference": "reference", "reference slope": "reference_slope", "reference frequency": "frequency",
    "harmonic": "harmonic", "phase": "phase", "sine output, rms": "V_sine_rms", "input": "input",
    "shield": "shield", "coupling": "coupling", "line filters": "line_filters", "sensitivity": "sensitivity",
    "reserve": "reserve", "time constant": "time_constant", "filter slope": "slope",
    "synchronous filter": "sync_filter",
}  # fmt: skip

#: (a) the driver call for each quantity that a witness entry sets.
SAYS: dict[str, dict[str, Do]] = {
    "keithley_6221": {
        "current level": put("level"),
        "current range": put("range"),
        "autorange": put("autorange"),
        "compliance": put("compliance"),
        "analog filter": put("filter"),
        "inner shield": put("inner_shield"),
        "output low to earth": put("low_to_earth"),
        "output response": put("response"),
        "output": put("output"),
        "wave shape": lambda driver, shape: sine(driver) if shape == "sine" else pulse(driver),
        "phase marker": lambda driver, _: sine(driver),
        "wave ranging": lambda driver, _: pulse(driver),
        "wave offset": lambda driver, _: pulse(driver),
        "wave duration": lambda driver, _: pulse(driver),
        "wave amplitude, peak": pulse,
        "wave frequency": lambda driver, value: pulse(driver, slot=0.5 / value),
        "wave armed": lambda driver, value: pulse(driver) if value else driver.park(),
        "wave running": lambda driver, _: pulse(driver),
    },
    "keithley_2182a": {
        "function": lambda driver, _: driver.prepare(1e-3, 1.0),
        "channel": put("channel"),
        "range": put("range"),
        "autorange": put("autorange"),
        "integration": put("nplc"),
        "digital filter": put("digital_filter"),
        "filter count": put("filter_count"),
        "filter type": put("filter_type"),
        "filter window": put("filter_window"),
        "analog filter": put("analog_filter"),
        "autozero": put("autozero"),
        "front autozero": put("front_autozero"),
        "line synchronisation": put("line_sync"),
        "samples": put("sample_count"),
        "trigger source": put("trigger_source"),
        "trigger count": put("trigger_count"),
        "trigger delay": put("trigger_delay"),
        "continuous initiation": put("continuous"),
        "state": lambda driver, _: driver.park(),
    },
    "kepco_bop": {
        "registers cleared": resynchronise,
        "mode": lambda driver, _: walk(driver, 0.0),
        "current level": walk,
        "voltage compliance": voltage_limit,
        "output": lambda driver, _: walk(driver, 0.0),
    },
    "lakeshore_643": {
        "registers cleared": resynchronise,
        "current set point": ramp,
        "ramp rate": put("ramp_rate"),
        "current limit, rate limit": limit,
        "ramp segments": put("ramp_segments"),
        "ramp held": lambda driver, _: driver.stop(),
        "programming": put("programming"),
    },
    "lakeshore_475": {
        "registers cleared": resynchronise,
        "unit": put("unit"),
        "range": put("range"),
        "autorange": put("autorange"),
        "mode": set_mode,
    },
    "srs_sr830": {
        "registers cleared": resynchronise,
        "Y offset and expand": lambda driver, _: driver.prepare(V_max_rms=1e-3, time_constant=0.1),
        "reply port": lambda driver, port: driver.send_replies_to(port),
        **{quantity: put(setting) for quantity, setting in SR830_SETTINGS.items()},
    },
}

#: (b) what the driver understands by each quantity that a witness entry answers.
HEARS: dict[str, dict[str, Do]] = {
    "keithley_6221": {
        "model": lambda driver, _: driver.connect() or driver.identity,
        "error code": lambda driver, _: driver.pending_errors(),
        "current level": get("level"),
        "current range": get("range"),
        "autorange": get("autorange"),
        "compliance": get("compliance"),
        "analog filter": get("filter"),
        "inner shield": get("inner_shield"),
        "output low to earth": get("low_to_earth"),
        "output response": get("response"),
        "output": get("output"),
        "nanovoltmeter present": lambda driver, _: driver.ask(driver.nanovoltmeter_present)[1] == "1",
        "interlock closed": lambda driver, _: driver.ask(driver.interlock)[1] == "1",
        "measurement condition: compliance, bit 3": lambda driver, _: driver.in_compliance(),
        "measurement event": lambda driver, _: driver.ask_register(driver.measurement_events),
        "measurement event: compliance, bit 3": event("measurement_events", 3),
        "measurement event: buffer full, bit 9": event("measurement_events", 9),
        "operation event: sweep done, bit 1": event("operation_events", 1),
        "operation event: wave started, bit 4": event("operation_events", 4),
        "operation event: wave stopped, bit 7": event("operation_events", 7),
        "arbitrary points": lambda driver, _: float(driver.ask(driver.wave_length)[0]),
        "wave armed": lambda driver, _: driver.ask(driver.wave_armed)[1] == "1",
    },
    "keithley_2182a": {
        "model": lambda driver, _: driver.connect() or driver.identity,
        "error code": lambda driver, _: driver.pending_errors(),
        "channel": get("channel"),
        "range": get("range"),
        "autorange": get("autorange"),
        "integration": get("nplc"),
        "line frequency": get("line_frequency"),
        "digital filter": get("digital_filter"),
        "filter count": get("filter_count"),
        "filter type": get("filter_type"),
        "filter window": get("filter_window"),
        "analog filter": get("analog_filter"),
        "autozero": get("autozero"),
        "front autozero": get("front_autozero"),
        "line synchronisation": get("line_sync"),
        "voltage": prepared_reading,
        "overflow": prepared_reading,
        "samples": get("sample_count"),
        "trigger source": get("trigger_source"),
        "trigger count": get("trigger_count"),
        "trigger delay": get("trigger_delay"),
        "continuous initiation": get("continuous"),
    },
    "kepco_bop": {
        "model": lambda driver, _: driver.connect() or driver.identity,
        "error code": lambda driver, _: driver.pending_errors(),
        "mode": lambda driver, _: driver.settings()["mode"][0],
        "current level": get("set_point"),
        "current limit": get("set_point"),
        "voltage compliance": get("voltage_limit"),
        "voltage level": get("voltage_limit"),
        "output": lambda driver, _: driver.settings()["output"][0],
        "measured current": get("current"),
        "measured voltage": get("voltage"),
    },
    "lakeshore_643": {
        "model": lambda driver, _: driver.connect() or driver.identity,
        "event register": lambda driver, _: driver.pending_errors(),
        "event register: execution error, bit 4": lambda driver, _: driver.pending_errors(),
        "event register: command error, bit 5": lambda driver, _: driver.pending_errors(),
        "current set point": get("set_point"),
        "measured current": get("current"),
        "measured voltage": get("voltage"),
        "ramp rate": get("ramp_rate"),
        "current limit, rate limit": get("limits"),
        "ramp segments": get("ramp_segments"),
        "operation status: ramp done, bit 1": lambda driver, _: driver.operation(),
        "hardware, operational errors": lambda driver, _: driver.faults(),
        "programming": get("programming"),
    },
    "lakeshore_475": {
        "model": lambda driver, _: driver.connect() or driver.identity,
        "event register": lambda driver, _: driver.pending_errors(),
        "field": field,
        "overload": field,
        "unit": get("unit"),
        "range": get("range"),
        "autorange": get("autorange"),
        "mode": get("reading_mode"),
    },
    "srs_sr830": {
        "model": lambda driver, _: driver.connect() or driver.identity,
        "event register": lambda driver, _: driver.pending_errors(),
        "event register: input buffer, bit 0": lambda driver, _: driver.pending_errors(),
        "event register: execution error, bit 4": lambda driver, _: driver.pending_errors(),
        "event register: command error, bit 5": lambda driver, _: driver.pending_errors(),
        "lock-in status": lambda driver, _: float(driver.ask_register(driver.lockin_status)),
        "X, Y": snap,
        **{quantity: get(setting) for quantity, setting in SR830_SETTINGS.items()},
    },
}

#: (c) the driver call for what an entry refuses; the argument comes from the line.
REFUSES: dict[str, dict[str, Do]] = {
    "keithley_6221": {
        "SOUR:CURR": put("level"),
        "SOUR:CURR:RANG": put("range"),
        "SOUR:CURR:COMP": put("compliance"),
        "SOUR:WAVE:AMPL": pulse,
        "SOUR:WAVE:FREQ": lambda driver, value: pulse(driver, slot=0.5 / value),
    },
    "keithley_2182a": {
        "SENS:CHAN": put("channel"),
        "SENS:VOLT:RANG": put("range"),
        "SENS:VOLT:NPLC": put("nplc"),
        "SENS:VOLT:DFIL:COUN": put("filter_count"),
        "SAMP:COUN": put("sample_count"),
        "TRIG:COUN": put("trigger_count"),
    },
    "kepco_bop": {"CURR": beyond_rating, "VOLT": voltage_limit},
    "lakeshore_643": {
        "SETI": ramp,
        "LIMIT": lambda driver, pair: driver.prepare(*pair),
        "RATE": put("ramp_rate"),
        "XPGM": put("programming"),
    },
    "lakeshore_475": {
        "UNIT": put("unit"),
        "RANGE": put("range"),
        "AUTO": put("autorange"),
        "RDGMODE": lambda driver, codes: put("reading_mode")(driver, ReadingMode(*map(str, codes))),
    },
    "srs_sr830": {
        "FREQ": put("frequency"),
        "SLVL": put("V_sine_rms"),
        "HARM": detect,
        "PHAS": put("phase"),
        "ISRC": put("input"),
        "SENS": lambda driver, code: driver.prepare(V_max_rms=code, time_constant=0.1),
        "OFLT": lambda driver, code: driver.prepare(V_max_rms=1.0, time_constant=code),
    },
}
