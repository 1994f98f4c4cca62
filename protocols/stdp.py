"""Spike-timing-dependent plasticity: change of R_xy by a pair of spikes against the delay between them.

Method    With magnet_z switched off, or holding a small mu0_H_z that cancels a stray field, and mu0_H_x along the
          current (magnet_x) settled, each delay dt_spike = t_post - t_pre from -dt_max to +dt_max in steps of
          dt_step, 0 included, is measured once, and all of them n_repeats times over. For each, the layer is
          demagnetized by a train of pulses (see the protocol demagnetize), played as one waveform; `settle`
          seconds later R_before is read; the current I_pre(t) - I_post(t - dt_spike) of a pair of equal spikes
          (spikes.py) is played as one waveform of 0.1 ms slots; `settle` seconds later the field is measured and
          R_after is read. Both are read at +-I_sense by current reversal, in the field, and the compliance of the
          sense current is checked after them. At dt_spike = 0 the spikes cancel: nothing is played, and the same
          time passes. The waveforms are not stored: the parameters fix every sample of them.
Reports   A_plus, A_minus (ohm), tau_plus, tau_minus (s): fits of A exp(-|dt_spike| / tau) to
          dR_xy = R_after - R_before on each side, from |dt_spike| = t_head on; below it the heads cancel in part
          (analysis/spike_timing.py).
Source    Li et al., Chin. Phys. B 31, 117106 (2022): pairs of spikes after demagnetizing. Law of the window: Bi and
          Poo, J. Neurosci. 18, 10464 (1998). Shape and size of the spikes are choices of this package.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from pydantic import model_validator

from protocols.demagnetize import TrainParameters, hold_normal_field
from protocols.drawing import frame
from protocols.sensing import IN_PLANE_FIELD_COLUMNS, TIME_COLUMN, VOLTAGE_COLUMNS, prepare_sensing
from protocols.spikes import Shape, pair, spike
from protocols.steps import demagnetize, hall_resistance, require_regulation
from protocols.units import A, mA, ms, s
from protocols.vocabulary import Analysis, Column, Envelope, Lab, MeasurementProtocol, Row, parameter

if TYPE_CHECKING:
    from protocols.vocabulary import Data

#: Length of one sample of a pair's waveform.
SLOT = 0.1 * ms


class Parameters(TrainParameters):
    """What the plasticity window can be asked for; SI inside."""

    spike: Shape = parameter("1", "shape of the tail of both spikes: 1 falls linearly, 2 exponentially")
    I_spike: float = parameter(
        8 * mA,
        "height of the head; alone it must not switch, twice that must",
        unit="A",
        display="mA",
        above=0,
        high=1 * A,
    )
    t_head: float = parameter(
        2 * ms, "length of the head, in whole slots of 0.1 ms", unit="s", display="ms", above=0, high=0.1 * s
    )
    t_tail: float = parameter(
        16 * ms, "length of the tail, in whole slots of 0.1 ms", unit="s", display="ms", above=0, high=1 * s
    )
    dt_max: float = parameter(
        12 * ms,
        "largest delay of both signs, a multiple of dt_step",
        unit="s",
        display="ms",
        above=0,
        high=1 * s,
    )
    dt_step: float = parameter(
        2 * ms,
        "distance of the delays, in whole slots of 0.1 ms",
        unit="s",
        display="ms",
        above=0,
        high=1 * s,
    )
    n_repeats: int = parameter(3, "pairs of spikes at each delay", low=1, high=1000)

    @property
    def delays(self) -> list[int]:
        """The delays, in slots, in the order of measurement."""
        step, largest = (round(t / SLOT) for t in (self.dt_step, self.dt_max))
        return list(range(-largest, largest + 1, step))

    def waveform(self, delay: int) -> list[float]:
        """Current (A) of a pair whose delay is given in slots, sample by sample."""
        one = spike(self.spike, *(round(t / SLOT) for t in (self.t_head, self.t_tail)))
        return [self.I_spike * sample for sample in pair(one, delay)]

    @property
    def I_pair(self) -> float:
        """Largest current (A) of any pair: that of the smallest delay, because tails decay."""
        return max(abs(current) for current in self.waveform(round(self.dt_step / SLOT)))

    @model_validator(mode="after")
    def _times_are_whole_slots(self) -> Self:
        for name in ("t_head", "t_tail", "dt_step"):
            _require_multiple(name, getattr(self, name), SLOT, "the slot")
        _require_multiple("dt_max", self.dt_max, self.dt_step, "dt_step")
        self.require_fitting_pulse(self.I_pair, "the peak of a pair of spikes")
        return self


def _require_multiple(name: str, time: float, unit: float, what: str) -> None:
    n = round(time / unit)
    if n < 1 or abs(time / unit - n) > 1e-6:
        raise ValueError(f"{name} must be a multiple of {what} ({unit / ms:.6g} ms); got {time / ms:.6g} ms")


columns = (
    Column("dt_spike", "s", "delay t_post - t_pre of the spikes", display="ms"),
    Column("dR_xy", "ohm", "R_after - R_before"),
    Column("R_before", "ohm", "Hall resistance of the demagnetized layer, in the field"),
    Column("R_after", "ohm", "Hall resistance after the pair of spikes, in the field"),
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
    train, limits = p.train, {"compliance": p.compliance_pulse, "R_load": p.R_load}
    for repeat in range(1, p.n_repeats + 1):
        for delay in p.delays:
            demagnetize(lab, train, p.t_pulse, **limits)
            lab.wait(p.settle)
            before = hall_resistance(lab, p.I_sense)
            samples = p.waveform(delay)
            if delay:
                lab.source.play(samples, SLOT, **limits)
            else:
                lab.wait(len(samples) * SLOT)
            lab.wait(p.settle)
            mu0_H_x = lab.magnet_x.read_field()
            after = hall_resistance(lab, p.I_sense)
            require_regulation(lab, p.I_sense, p.compliance)
            yield Row(
                dt_spike=delay * SLOT,
                dR_xy=after.R_xy - before.R_xy,
                R_before=before.R_xy,
                R_after=after.R_xy,
                mu0_H_x=mu0_H_x,
                mu0_H_x_set=p.mu0_H_x,
                V_plus_before=before.V_plus,
                V_minus_before=before.V_minus,
                V_plus_after=after.V_plus,
                V_minus_after=after.V_minus,
                u_I_sense=u_I_sense,
                repeat=repeat,
                time=lab.now(),
            )


def n_rows(p: Parameters) -> int:
    """How many rows the window has."""
    return len(p.delays) * p.n_repeats


def envelope(p: Parameters) -> Envelope:
    """The largest current, voltage and field asked for; a waveform, train or pair, counts as one pulse."""
    return Envelope(
        current=max(p.I_start, p.I_pair),
        compliance=max(p.compliance, p.compliance_pulse),
        mu0_H={"magnet_x": abs(p.mu0_H_x), "magnet_z": abs(p.mu0_H_z)},
        pulses=(2 * len(p.delays) - 1) * p.n_repeats,
    )


def analyse(data: Data, p: Parameters) -> Analysis:
    """Height and decay of the window on both sides, from the columns, t_head and the sense current alone."""
    from protocols.analysis.spike_timing import window  # numpy is not needed to list the protocols

    scale = float(max(data["u_I_sense"], default=0.0)) / p.I_sense
    return window(data["dt_spike"], data["dR_xy"], dt_min=p.t_head, scale=scale)


def draw(
    axes: Any, data: Data, analysis: Analysis, *, label: str | None = None, color: str | None = None
) -> None:
    """Draw dR_xy (ohm) of every pair against dt_spike (ms) on a matplotlib Axes, with the two fits as lines.

    Calls with `label` and `color` put several runs on one Axes.
    """
    frame(axes, r"$\Delta t$ (ms)", r"$\Delta R_{xy}$ (Ω)")
    (line,) = axes.plot(data["dt_spike"] / ms, data["dR_xy"], ".", markersize=4, color=color, label=label)
    for curve in analysis.curves.values():
        axes.plot(curve.x / ms, curve.y, "-", linewidth=0.8, color=line.get_color())


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
)
