"""What can go wrong, written for the person at the bench: one tree, one exit status for each branch.

LabctlError
+-- RequestError       the request was wrong; nothing was sent to any instrument     exit 2
|   +-- DataError      a file is not what it must be                                 exit 2
|   +-- EndsEarlyError a rehearsal did not come to its end                           exit 2
+-- StoppedError       a person stopped the run; the station was parked              exit 3
+-- FaultError         an instrument or a limit stopped the run; it was parked       exit 4
+-- ClaimError         it ran, but a comparison or a claim did not hold              exit 5
"""

from typing import ClassVar


class LabctlError(Exception):
    """Base of everything labctl reports in one line instead of a traceback."""

    exit_status: ClassVar[int] = 1


class RequestError(LabctlError):
    """The request was wrong; no instrument was touched."""

    exit_status = 2


class DataError(RequestError):
    """A file is not what it must be."""


class EndsEarlyError(RequestError):
    """A run that was rehearsed did not come to its end on the simulated bench; nothing was sent."""


class StoppedError(LabctlError):
    """A person stopped the run; the station was parked and the data were kept."""

    exit_status = 3


class FaultError(LabctlError):
    """An instrument or a limit stopped the run; the station was parked and the data were kept."""

    exit_status = 4


class ClaimError(LabctlError):
    """It ran, but a comparison or a claim did not hold."""

    exit_status = 5
