"""VISA sessions: a library, and instruments opened alone where their interface has a lock."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from labctl import rawsocket
from labctl.errors import FaultError, RequestError

if TYPE_CHECKING:
    import pyvisa
    from pyvisa.resources import MessageBasedResource

#: How long (s) a VISA lock of somebody else is waited for (our choice): as long as another program's look around.
_LOCK_PATIENCE = 2.0


def manager(library: Any) -> pyvisa.ResourceManager:
    """Load a VISA library; RequestError where it is not installed."""
    import pyvisa

    try:
        return pyvisa.ResourceManager(library)
    except (ValueError, OSError) as error:
        raise RequestError(
            f"the station's visa must be a VISA library that is installed; {library!r}: {error}. "
            "Nothing was sent."
        ) from error


def opened(
    manager: pyvisa.ResourceManager, name: str, role: str, *, patience: float = _LOCK_PATIENCE
) -> MessageBasedResource:
    """Open the instrument of a role by its resource name, alone; FaultError where that cannot be.

    Where the interface has a VISA lock (VXI-11, HiSLIP; GPIB and USB with a vendor's library), another computer
    that holds it is waited for (`patience`, s) and told of; a socket or a serial line has none, and only one
    program opens it anyway.
    """
    try:
        resource = cast("MessageBasedResource", manager.open_resource(name))
        rawsocket.send_at_once(manager, resource)
    except Exception as error:  # VISA libraries raise whatever their transport raises
        reason = " ".join(str(error).split()).rstrip(".")
        raise FaultError(
            f"{role} must answer at {name}; it cannot be opened: {reason}. Nothing was sent."
        ) from error
    try:
        _lock(resource, patience)
    except FaultError as error:
        resource.close()
        raise FaultError(f"{role} must be free; {name} {error} Nothing was sent.") from error
    return resource


def _lock(resource: MessageBasedResource, patience: float) -> None:
    """Take the VISA lock, where there is one; closing the session lets go of it."""
    from pyvisa.constants import StatusCode
    from pyvisa.errors import Error, VisaIOError

    if resource.resource_class == "SOCKET":
        return
    with suppress(Error, NotImplementedError, AttributeError):  # an interface without a lock
        try:
            resource.lock_excl(1e3 * patience)
        except VisaIOError as error:
            if error.error_code in {StatusCode.error_resource_locked, StatusCode.error_timeout}:
                raise FaultError("is locked by another VISA session.") from error
            raise
