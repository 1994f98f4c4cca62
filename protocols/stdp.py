"""Spike-timing-dependent plasticity: change of R_xy by a pair of spikes against the delay between them.

Method    With magnet_z switched off, or holding a small mu0_H_z that cancels a stray field, and mu0_H_x along the
          current (magnet_x) settled, one pulse of I_start makes a state in which the source's zero is measured
          (preparation.py). The following is then done n_repeats times over: the spike of pre alone, that of post
          alone, and then a pair at each delay dt_spike = t_post - t_pre from -dt_max to +dt_max in steps of
          dt_step, 0 included. For each of them the layer is demagnetized by a train of pulses less that zero (see
          the protocol demagnetize), played as one waveform, or prepared in another state or none, as
          `preparation` says; `settle` seconds later R_before is read; the current
          I_pre(t) - I_post(t - dt_spike) is played as one waveform of 0.1 ms slots; `settle` seconds later the
          field is measured and R_after is read. Both are read at +-I_sense by current reversal, in the field, and
          the compliance of the sense current is checked after them. At dt_spike = 0 equal spikes cancel: nothing is
          played, and the same time passes. The spikes are named shapes or curves from files (spikes.py); their
          samples, or all that fixes them, are among the parameters, and the waveforms of the pairs are in the file.
Reports   A_plus, A_minus (ohm), tau_plus, tau_minus (s): fits of A exp(-|dt_spike| / tau) to
          dR_xy = R_after - R_before on each side, from |dt_spike| = t_head on; below it the heads cancel in part
          (analysis/spike_timing.py). asymmetry, lone_spike_ratio, and the mean with its 95 % confidence interval
          at each delay; a layer that is not demagnetized before the pairs is warned of, and its window shown, not
          judged (analysis/spike_repeats.py).
Source    Li et al., Chin. Phys. B 31, 117106 (2022): pairs of spikes after demagnetizing. Law of the window: Bi and
          Poo, J. Neurosci. 18, 10464 (1998). Shape and size of the spikes are choices of this package.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from pydantic import model_validator

from protocols.preparation import Preparation, hold_normal_field, less_zero, measured_zero
from protocols.sensing import (
    IN_PLANE_FIELD_COLUMNS,
    SATURATED,
    TIME_COLUMN,
    VOLTAGE_COLUMNS,
    SaturatedParameters,
    prepare_sensing,
    pulse_once,
)
from protocols.spike_figure import draw_window
from protocols.spike_pairs import MAX_SPIKE, SLOT, SpikeParameters, require_multiple
from protocols.spikes import pair
from protocols.steps import HallReading, demagnetize, hall_resistance, require_regulation, saturate
from protocols.units import ms
from protocols.vocabulary import (
    Analysis,
    Column,
    Curve,
    Envelope,
    Lab,
    MeasurementProtocol,
    Row,
    Waveforms,
    parameter,
)
from protocols.waves import played

if TYPE_CHECKING:
    from protocols.vocabulary import Data

#: Samples of all waveforms together, as they lie in the file.
_MAX_SAMPLES = 2_000_000


class Parameters(SpikeParameters, SaturatedParameters):
    """What the plasticity window can be asked for; SI inside."""

    dt_max: float = parameter(
        12 * ms,
        "largest delay of both signs, a multiple of dt_step, at most the length of a spike",
        unit="s",
        display="ms",
        above=0,
        high=MAX_SPIKE,
    )
    dt_step: float = parameter(
        2 * ms,
        "distance of the delays, in whole slots of 0.1 ms",
        unit="s",
        display="ms",
        above=0,
        high=MAX_SPIKE,
    )
    n_repeats: int = parameter(3, "pairs of spikes at each delay", low=1, high=1000)
    preparation: Preparation = parameter(
        "demagnetize",
        "state before every waveform: demagnetized, saturated by +-mu0_H_sat, or what the one before has left",
    )

    @property
    def delays(self) -> list[int]:
        """The delays, in slots, in the order of measurement."""
        step, largest = (round(t / SLOT) for t in (self.dt_step, self.dt_max))
        return list(range(-largest, largest + 1, step))

    def waveform(self, delay: int) -> list[float]:
        """Current (A) of a pair whose delay is given in slots, sample by sample."""
        return pair(*self.spikes, delay)

    @cached_property
    def peaks(self) -> list[float]:
        """Largest current (A) of each waveform of one repeat; 0 where the spikes cancel and none is played."""
        waveforms = (*self.lone, *(self.waveform(delay) for delay in self.delays))
        return [max(map(abs, waveform)) for waveform in waveforms]

    @model_validator(mode="after")
    def _pairs_can_be_played(self) -> Self:
        require_multiple("dt_step", self.dt_step, SLOT, "the slot")
        require_multiple("dt_max", self.dt_max, self.dt_step, "dt_step")
        length = max(map(len, self.spikes))
        if round(self.dt_max / SLOT) > length:
            raise ValueError(
                f"dt_max must be at most the length of a spike ({length * SLOT / ms:.6g} ms), beyond which two do "
                f"not meet; got {self.dt_max / ms:.6g} ms"
            )
        n_delays = len(self.delays)
        if n_delays * len(self.waveform(self.delays[0])) > _MAX_SAMPLES:
            raise ValueError(
                f"dt_step must leave at most {_MAX_SAMPLES} samples of all waveforms; got {n_delays} delays"
            )
        self.require_fitting_pulse(max(self.peaks), "the peak of a pair of spikes")
        return self


columns = (
    Column("dt_spike", "s", "delay t_post - t_pre of the spikes", display="ms"),
    Column("dR_xy", "ohm", "R_after - R_before"),
    Column("R_before", "ohm", "Hall resistance of the demagnetized layer, in the field"),
    Column("R_after", "ohm", "Hall resistance after the pair of spikes, in the field"),
    Column("dR_pre", "ohm", "R_after - R_before of the spike of pre alone, one value for each repeat"),
    Column("dR_post", "ohm", "R_after - R_before of the spike of post alone, one value for each repeat"),
    *IN_PLANE_FIELD_COLUMNS,
    *(
        Column(f"{name}_{when}", "V", f"Hall voltage at {sign}I_sense, {when} the pair", display="mV")
        for when in ("before", "after")
        for name, sign in (("V_plus", "+"), ("V_minus", "-"))
    ),
    VOLTAGE_COLUMNS[-1],
    Column("repeat", "1", "number of the pair at this delay, from 1", dtype="int64"),
    TIME_COLUMN,
)


def stdp(lab: Lab, p: Parameters) -> Iterator[Row]:
    """Measure the window, one row per pair; MeasurementError where the source is in compliance."""
    u_I_sense = prepare_sensing(lab, p)
    hold_normal_field(lab, p)
    lab.magnet_x.ramp_to(p.mu0_H_x)
    train: list[float] = []
    if p.preparation == "demagnetize":
        pulse_once(lab, p, p.I_start)
        lab.wait(p.settle)
        train = less_zero(p.train, measured_zero(lab, p))
    for repeat in range(1, p.n_repeats + 1):
        dR_pre, dR_post = (_change(lab, p, train, waveform).dR_xy for waveform in p.lone)
        for delay in p.delays:
            change = _change(lab, p, train, p.waveform(delay))
            yield Row(
                dt_spike=delay * SLOT,
                dR_xy=change.dR_xy,
                R_before=change.before.R_xy,
                R_after=change.after.R_xy,
                dR_pre=dR_pre,
                dR_post=dR_post,
                mu0_H_x=change.mu0_H_x,
                mu0_H_x_set=p.mu0_H_x,
                V_plus_before=change.before.V_plus,
                V_minus_before=change.before.V_minus,
                V_plus_after=change.after.V_plus,
                V_minus_after=change.after.V_minus,
                u_I_sense=u_I_sense,
                repeat=repeat,
                time=lab.now(),
            )


@dataclass(frozen=True, slots=True)
class _Change:
    """What a waveform did to the layer as prepared, and the field (T) that was measured after it."""

    before: HallReading
    after: HallReading
    mu0_H_x: float

    @property
    def dR_xy(self) -> float:
        return self.after.R_xy - self.before.R_xy


def _change(lab: Lab, p: Parameters, train: Sequence[float], samples: Sequence[float]) -> _Change:
    """Prepare, read, play `samples` (A), read; where all of them are 0, let their time pass."""
    limits = {"compliance": p.compliance_pulse, "R_load": p.R_load}
    if train:
        demagnetize(lab, train, p.t_pulse, **limits)
    elif p.preparation in SATURATED:
        saturate(lab, SATURATED[p.preparation] * p.mu0_H_sat, p.settle)
        hold_normal_field(lab, p)
    lab.wait(p.settle)
    before = hall_resistance(lab, p.I_sense)
    if any(samples):
        lab.source.play(samples, SLOT, **limits)
    else:
        lab.wait(len(samples) * SLOT)
    lab.wait(p.settle)
    mu0_H_x = lab.magnet_x.read_field()
    after = hall_resistance(lab, p.I_sense)
    require_regulation(lab, p.I_sense, p.compliance)
    return _Change(before, after, mu0_H_x)


def n_rows(p: Parameters) -> int:
    """How many rows the window has."""
    return len(p.delays) * p.n_repeats


def envelope(p: Parameters) -> Envelope:
    """The largest current, voltage and field asked for; a waveform, train or pair, counts as one pulse."""
    is_trained, is_saturated = p.preparation == "demagnetize", p.preparation in SATURATED
    return Envelope(
        current=max(p.I_start if is_trained else 0.0, *p.peaks),
        compliance=max(p.compliance, p.compliance_pulse),
        mu0_H={
            "magnet_x": abs(p.mu0_H_x),
            "magnet_z": max(p.mu0_H_sat if is_saturated else 0.0, abs(p.mu0_H_z)),
        },
        pulses=is_trained + sum(is_trained + (peak > 0) for peak in p.peaks) * p.n_repeats,
    )


def waveforms(data: Data, p: Parameters) -> Waveforms:
    """The currents of the pairs in the columns, one row for each delay."""
    delays = sorted({round(dt / SLOT) for dt in data["dt_spike"].tolist()})
    return played({delay * SLOT: p.waveform(delay) for delay in delays}, SLOT, columns[0])


def analyse(data: Data, p: Parameters) -> Analysis:
    """Height and decay of the window, its repeats and the lone spikes, from the columns and parameters alone."""
    from protocols.analysis.spike_repeats import statistics  # numpy is not needed to list the protocols
    from protocols.analysis.spike_timing import window

    dt, dR = data["dt_spike"], data["dR_xy"]
    fit = window(dt, dR, dt_min=p.t_head, scale=float(max(data["u_I_sense"], default=0.0)) / p.I_sense)
    first = data["dt_spike"] == min(data["dt_spike"], default=0.0)
    repeats = statistics(
        dt,
        dR,
        R_before=data["R_before"],
        dR_lone=(data["dR_pre"][first], data["dR_post"][first]),
        dt_min=p.t_head,
    )
    pre, post = p.spikes
    shapes = {"spike_pre": _shape(pre, "pre")} | ({"spike_post": _shape(post, "post")} if post != pre else {})
    return Analysis(
        {**fit.results, **repeats.results},
        {**fit.curves, **repeats.curves, **shapes},
        (*fit.warnings, *repeats.warnings),
    )


def _shape(samples: Sequence[float], whose: str) -> Curve:
    import numpy as np

    edges = np.arange(len(samples) + 1, dtype=np.float64) * SLOT
    return Curve(
        edges, np.array([*samples, 0.0]), "time", "s", f"I_{whose}", "A", f"spike of {whose}, slot by slot"
    )


def draw(
    axes: Any, data: Data, analysis: Analysis, *, label: str | None = None, color: str | None = None
) -> None:
    """Draw dR_xy (ohm) against dt_spike (ms): every pair, means with their intervals, fits, the spikes as an inset.

    Calls with `label` and `color` put several runs on one Axes.
    """
    draw_window(axes, data, analysis, label, color)


protocol = MeasurementProtocol(
    name="stdp",
    version="1",
    text=__doc__,
    parameters=Parameters,
    columns=columns,
    roles=("source", "voltmeter", "magnet_x", "magnet_z"),
    signal="dR_xy",
    axis="dt_spike",
    measure=stdp,
    n_rows=n_rows,
    envelope=envelope,
    analyse=analyse,
    draw=draw,
    waveforms=waveforms,
)
