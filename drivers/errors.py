"""What can go wrong with an instrument, as one tree; every message says what must be, what came, what was done.

InstrumentError
├── WireTimeout         no answer in time: the session is suspect until it has been resynchronised
│   └── OutOfStep       the resynchronisation failed: nothing more can be asked
├── WireLost            the interface itself failed: cable out, instrument off, session closed
├── ReplyGarbled        an answer that is not of the form the manual gives; the session is suspect
├── WrongInstrument     another model answers at this address
├── ErrorQueueNotEmpty  the instrument refused a command, or reports an error of its own
├── OutOfRange          a value outside what the setting, or the limits, allow: nothing was sent (also ValueError)
├── NotReady            the instrument is not in a state in which this may be done: nothing was sent
├── Overload            the input is above the range: there is no reading
├── NotFollowed         what was set and what is read back disagree
├── PulseUnconfirmed    a pulse was started and its end was not confirmed: what the sample saw is not known
├── InCompliance        the voltage limit was met: the current was not what was asked for
└── NotParked           parking could not be confirmed
"""

# ruff: noqa: N818  an error is called after what happened, as in the message that the person reads


class InstrumentError(Exception):
    """Base of everything that a driver raises on purpose."""


class WireTimeout(InstrumentError):
    """No answer in time."""


class OutOfStep(WireTimeout):
    """The session could not be brought back into step."""


class WireLost(InstrumentError):
    """The interface itself failed."""


class ReplyGarbled(InstrumentError):
    """The answer is not of the form that the manual gives."""


class WrongInstrument(InstrumentError):
    """Another model answers at this address."""


class ErrorQueueNotEmpty(InstrumentError):
    """The instrument refused a command, or reports an error of its own."""


class OutOfRange(InstrumentError, ValueError):
    """The value is outside what the setting, or the limits, allow; nothing was sent."""


class NotReady(InstrumentError):
    """The instrument is not in a state in which this may be done; nothing was sent."""


class Overload(InstrumentError):
    """The input is above the range; there is no reading."""


class NotFollowed(InstrumentError):
    """What was set and what is read back disagree."""


class PulseUnconfirmed(InstrumentError):
    """A pulse was started and its end was not confirmed; it was aborted and is never repeated by itself."""


class InCompliance(InstrumentError):
    """The voltage limit was met while a pulse was played; the sample saw less current than was asked for."""


class NotParked(InstrumentError):
    """Parking could not be confirmed; the message lists what was tried."""
