"""Keithley 6221: display texts, digital outputs and the set-up of its interfaces, which change no current.

As the public driver slave (k6221.py) has them; 622x-901-01 section 13 for the display.
"""

from __future__ import annotations

from sim_instruments.keithley_6221_source import DcSource
from sim_instruments.scpi_commands import Group, Setting, command, query
from sim_instruments.scpi_parameters import Boolean, Choice, Integer, Text
from sim_instruments.scpi_status import ScpiError

#: Characters of a line of the display (slave).
LINE = 20
#: Speeds of the RS-232 port (slave).
BAUD_RATES = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)


class Display(Group):
    """DISPlay: two lines of text that a program may write; nobody reads them here, and no character blinks."""

    enabled = Setting("DISPlay:ENABle", Boolean(), default=True)
    top = Setting("DISPlay[:WINDow1]:TEXT:DATA", Text(), default="", saved=False)
    top_shown = Setting("DISPlay[:WINDow1]:TEXT:STATe", Boolean(), default=False, saved=False)
    bottom = Setting("DISPlay:WINDow2:TEXT:DATA", Text(), default="", saved=False)
    bottom_shown = Setting("DISPlay:WINDow2:TEXT:STATe", Boolean(), default=False, saved=False)

    @top.check
    def fit_top(self, text: str) -> str:
        """Refuse a text that is longer than the line (-223) [unconfirmed: code]."""
        if len(text) > LINE:
            raise ScpiError(-223)
        return text

    bottom.check(fit_top)

    @query("DISPlay[:WINDow1]:ATTRibutes")
    @query("DISPlay:WINDow2:ATTRibutes")
    def blinking(self) -> str:
        """Return for each character whether it blinks [unconfirmed: form of the answer]."""
        return "0" * LINE


class DigitalOutput(Group):
    """CALCulate3: the four digital outputs, a pattern by force or when the limit test fails; nothing is connected.

    The test is that of compliance [unconfirmed: no page seen says what else there is to test].
    """

    root = "CALCulate3"

    tests = Setting(":LIMit[:STATe]", Boolean(), default=False)
    test_pattern = Setting(":LIMit:SOURce2", Integer(0, 15), default=15.0)
    forced = Setting(":FORCe[:STATe]", Boolean(), default=False)
    forced_pattern = Setting(":FORCe:PATTern", Integer(0, 15), default=15.0)

    def __init__(self, source: DcSource) -> None:
        super().__init__()
        self._source = source

    @query(":LIMit:FAIL")
    def failed(self) -> str:
        """Return 1 where the test is on and fails."""
        return "1" if self.tests and self._source.in_compliance else "0"


class Interfaces(Group):
    """SYSTem: power-on set-up, and the set-up of the GPIB, RS-232 and Ethernet ports, which is only kept.

    A change works after the unit has been switched off and on, which does not happen here.
    """

    power_on = Setting(
        "SYSTem:POSetup",
        Choice("RST", "PRESet", "SAV0", "SAV1", "SAV2", "SAV3", "SAV4", numbered=True),
        default="RST",
        keeps=True,
    )
    address = Setting("SYSTem:COMMunicate:GPIB:ADDRess", Integer(0, 30), default=12.0, keeps=True)
    baud_rate = Setting("SYSTem:COMMunicate:SERial:BAUD", Integer(300, 115200), default=19200.0, keeps=True)
    terminator = Setting(
        "SYSTem:COMMunicate:SERial:TERMinator",
        Choice("CR", "LF", "CRLF", "LFCR"),
        default="LF",
        keeps=True,
    )
    pace = Setting(
        "SYSTem:COMMunicate:SERial:PACE", Choice("NONE", "XON", "XOFF"), default="NONE", keeps=True
    )
    handshake = Setting(
        "SYSTem:COMMunicate:SERial:CONTrol:RTS",
        Choice("IBFull", "RFR", "OFF"),
        default="OFF",
        keeps=True,
    )
    ip_address = Setting("SYSTem:COMMunicate:ETHernet:ADDRess", Text(), default="192.168.0.2", keeps=True)
    mask = Setting("SYSTem:COMMunicate:ETHernet:MASK", Text(), default="255.255.255.0", keeps=True)
    gateway = Setting("SYSTem:COMMunicate:ETHernet:GATeway", Text(), default="192.168.0.1", keeps=True)
    dhcp = Setting("SYSTem:COMMunicate:ETHernet:DHCP", Boolean(), default=False, keeps=True)

    @baud_rate.check
    def allow_baud_rate(self, rate: float) -> float:
        """Refuse a speed that there is not (-222)."""
        if rate not in BAUD_RATES:
            raise ScpiError(-222)
        return rate

    @command("SYSTem:COMMunicate:ETHernet:SAVE")
    def save(self) -> None:
        """Keep the set-up of the Ethernet port."""
