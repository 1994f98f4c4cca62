"""Keithley 6221: the relay to a 2182A on its RS-232 port (SYSTem:COMMunicate:SERial).

As published delta scripts and the public drivers slave (k6221.py), pyacquisition (keithley_6221.py) use it.
"""

from __future__ import annotations

from sim_instruments.keithley_6221_tables import SERIAL_PIECE
from sim_instruments.ports import SerialCable
from sim_instruments.scpi_commands import Group, command, query
from sim_instruments.scpi_parameters import Text


class Relay(Group):
    """What is sent goes down the cable at once; what has come back is returned in pieces, terminators included.

    With nothing plugged in, what is sent is lost. Nothing received is answered with an empty line [unconfirmed].
    Neither the speed of the line nor its settings are simulated.
    """

    root = "SYSTem:COMMunicate:SERial"

    def __init__(self, cable: SerialCable) -> None:
        super().__init__()
        self._cable = cable
        self._received = ""

    @command(":SEND", Text())
    def send(self, text: str) -> None:
        """Send a text to the instrument at the RS-232 port."""
        if self._cable.meter is not None:
            self._cable.meter.receive(text)

    @query(":ENTer")
    def enter(self) -> str:
        """Return what has arrived from there, 256 characters at most."""
        if self._cable.meter is not None:
            self._received += self._cable.meter.transmitted()
        piece, self._received = self._received[:SERIAL_PIECE], self._received[SERIAL_PIECE:]
        return piece
