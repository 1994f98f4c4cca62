"""A lock-in amplifier at rest, as its driver meets it: a latching status register, and replies to one port only."""

from __future__ import annotations

from driver_fakes import Echo, FakeResource, wired

from drivers.srs_sr830 import SR830

IDENTITY = "Stanford_Research_Systems,SR830,s/n12345,ver1.07"
AT_REST = {
    "*IDN?": IDENTITY, "*ESR?": "0", "LIAS?": "0", "FMOD?": "1", "FREQ?": "137.0", "HARM?": "1", "SLVL?": "1.000",
    "PHAS?": "0.00", "RSLP?": "0", "ISRC?": "0", "IGND?": "0", "ICPL?": "0", "ILIN?": "0", "SENS?": "26",
    "RMOD?": "1", "OFLT?": "8", "OFSL?": "1", "SYNC?": "0", "SNAP?": "-4.17234e-007,5.9605e-007",
}  # fmt: skip


class LockIn(Echo):
    """A lock-in whose status register latches and is cleared by reading, and answers on one port only."""

    def __init__(self):
        super().__init__(AT_REST)
        self.present = 0
        self.latched = 0
        self.port = self.plugged_into = "1"

    def __call__(self, line):
        if line.startswith("OUTX "):
            self.port = line.removeprefix("OUTX ")
            return None
        reply = super().__call__(line)
        if line == "LIAS?":
            reply, self.latched = str(self.latched | self.present), 0
        return reply if self.port == self.plugged_into else None


def fresh() -> tuple[SR830, FakeResource, LockIn]:
    """Return a driver, its resource and the lock-in behind it."""
    echo = LockIn()
    wire, resource = wired(echo, "lock-in")
    return SR830(wire), resource, echo


def changes(resource: FakeResource) -> list[str]:
    """Return the lines that set something."""
    return [line for line in resource.said if "?" not in line]
