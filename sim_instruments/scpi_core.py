"""What SCPI instruments understand alike: common commands, status registers, and SYSTem around the error queue."""

from __future__ import annotations

from collections.abc import Callable

from sim_instruments.scpi_commands import Command, Group, Pending, command, query
from sim_instruments.scpi_parameters import Mask
from sim_instruments.scpi_status import OPERATION_COMPLETE, EventRegister, Operations, Status


def _register_rows(word: str, name: str) -> tuple[Command, ...]:
    """Return the rows of STATus:word, where `name` is the register in `Status`."""

    def register(core: ScpiCore) -> EventRegister:
        return getattr(core.status, name)

    def events(core: ScpiCore) -> str:
        return core.status.written(register(core).read())

    def condition(core: ScpiCore) -> str:
        return core.status.written(register(core).condition)

    def set_enable(core: ScpiCore, mask: float) -> None:
        register(core).enable = int(mask)

    def enable(core: ScpiCore) -> str:
        return core.status.written(register(core).enable)

    return (
        Command(f"STATus:{word}[:EVENt]", True, (), events),
        Command(f"STATus:{word}:CONDition", True, (), condition),
        Command(f"STATus:{word}:ENABle", False, (Mask(0, 65535),), set_enable),
        Command(f"STATus:{word}:ENABle", True, (), enable),
    )


class ScpiCore(Group):
    """What every SCPI instrument here understands: common commands, STATus, and SYSTem around the error queue."""

    table = (
        *_register_rows("OPERation", "operation"),
        *_register_rows("QUEStionable", "questionable"),
    )

    def __init__(
        self,
        identity: str,
        status: Status,
        operations: Operations,
        reset: Callable[[], Pending],
        preset: Callable[[], Pending],
    ) -> None:
        super().__init__()
        self.identity = identity
        self.status = status
        self.operations = operations
        self._reset = reset
        self._preset = preset

    @query("*IDN")
    def identify(self) -> str:
        """Maker, model, serial number and firmware."""
        return self.identity

    @command("*RST")
    def reset_instrument(self) -> Pending:
        """Settings to their *RST values; error queue and registers stay."""
        return self._reset()

    @command("*CLS")
    def clear_status(self) -> None:
        """Event registers and error queue; a waiting *OPC is forgotten."""
        self.operations.forget()
        self.status.clear()

    @query("*TST")
    def self_test(self) -> str:
        """Return 0: passed."""
        return "0"

    @command("*OPC")
    def tell_completion(self) -> None:
        """Set the operation-complete event once nothing is under way."""
        self.operations.when_done(lambda: self.status.standard.pulse(OPERATION_COMPLETE))

    @query("*OPC")
    def ask_completion(self) -> Pending:
        """Return 1 once nothing is under way."""
        pending = Pending()
        self.operations.when_done(lambda: pending.settle("1"))
        return pending

    @command("*WAI")
    def wait_for_completion(self) -> Pending:
        """Obey nothing more until nothing is under way."""
        pending = Pending()
        self.operations.when_done(pending.settle)
        return pending

    @query("*ESR")
    def standard_events(self) -> str:
        """Standard event register, cleared by reading."""
        return self.status.written(self.status.standard.read())

    @command("*ESE", Mask(0, 255))
    def enable_standard(self, mask: float) -> None:
        """Set the standard event enable register."""
        self.status.standard.enable = int(mask)

    @query("*ESE")
    def standard_enable(self) -> str:
        """Standard event enable register."""
        return self.status.written(self.status.standard.enable)

    @command("*SRE", Mask(0, 255))
    def enable_service(self, mask: float) -> None:
        """Set the service request enable register; bit 6 cannot be set."""
        self.status.service_enable = int(mask) & ~64

    @query("*SRE")
    def service_enable(self) -> str:
        """Service request enable register."""
        return self.status.written(self.status.service_enable)

    @query("*STB")
    def status_byte(self) -> str:
        """Status byte with the master summary."""
        return self.status.written(self.status.byte())

    @command("STATus:PRESet")
    def preset_status(self) -> None:
        """Clear the enable registers of the three SCPI registers."""
        self.status.preset()

    @query("SYSTem:ERRor")
    def next_error(self) -> str:
        """Oldest entry of the error queue, which goes."""
        return self.status.next_error()


class KeithleyCore(ScpiCore):
    """What the Keithleys understand besides: the measurement register, presets, the queue by its other name."""

    table = (*ScpiCore.table, *_register_rows("MEASurement", "measurement"))

    @command("SYSTem:PRESet")
    def preset_instrument(self) -> Pending:
        """Settings to their preset values."""
        return self._preset()

    @query("STATus:QUEue[:NEXT]")
    def next_queued(self) -> str:
        """Oldest entry of the error queue, which goes."""
        return self.status.next_error()

    @command("SYSTem:CLEar")
    @command("STATus:QUEue:CLEar")
    def clear_errors(self) -> None:
        """Empty the error queue."""
        self.status.clear_errors()
