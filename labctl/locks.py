"""One station, one program: an advisory lock on each of its resources, with the name of whoever holds it.

A lock is a file in the user's state folder that its holder keeps locked (`flock`). The kernel lets go of it when
the holder dies, however it dies, so that a lock is never stale; what a dead holder leaves is only its name in the
file, from which the next one learns that the station was not handed over in good order. Locks are of one computer
and one user: a program on another computer is kept out by the VISA lock (`labctl.sessions`), where there is one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.errors import RequestError

if TYPE_CHECKING:
    from labctl.config import Station


@contextmanager
def held(station: Station, purpose: str) -> Generator[list[str]]:
    """Hold all resources of a station; yields what there is to say of a holder that died with them.

    `purpose` is what others are told. Where somebody else holds one of them, RequestError names him.
    """
    left: list[str] = []
    with ExitStack() as stack:
        # In one order for all, so that of two programs that share more than one resource one gets them all.
        for resource in sorted({section.resource for section in station.instruments.values()}):
            dead = stack.enter_context(_held(resource, station.name, purpose))
            if dead and dead not in left:
                left.append(dead)
        yield [
            f"the station was held by {dead}, which ended without letting go of it: what it left is not known"
            for dead in left
        ]


def lock_file(resource: str) -> Path:
    """The file that stands for a resource, however its name is capitalised."""
    import platformdirs

    digest = hashlib.sha256(resource.upper().encode()).hexdigest()[:16]
    return platformdirs.user_state_path("labctl", appauthor=False) / "locks" / f"{digest}.lock"


@contextmanager
def _held(resource: str, station: str, purpose: str) -> Generator[str]:
    """Hold one resource; yields who died with it, in words, or nothing."""
    path = lock_file(resource)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise RequestError(
            f"the lock of {resource} must be a file that can be written; {path}: {error.strerror}. "
            "Nothing was sent."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _owner(os.pread(descriptor, 4096, 0)) or "another program"
            raise RequestError(
                f"station {station} must be free; {resource} is held by {holder}. Nothing was sent."
            ) from None
        before = _owner(os.pread(descriptor, 4096, 0))  # it may have let go in good order meanwhile
        _write(descriptor, _mine(station, purpose))
        try:
            yield before
        finally:
            _write(descriptor, b"")
    finally:
        os.close(descriptor)


def _mine(station: str, purpose: str) -> bytes:
    owner = {
        "station": station,
        "purpose": purpose,
        "user": os.environ.get("USER", str(os.getuid())),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return json.dumps(owner).encode()


def _owner(content: bytes) -> str:
    """A holder in words; nothing where the file names none."""
    try:
        owner: dict[str, Any] = json.loads(content)
        return (
            f"{owner['purpose']} on station {owner['station']} (process {owner['pid']} of {owner['user']} on "
            f"{owner['host']}, since {owner['since']})"
        )
    except (ValueError, KeyError, TypeError):
        return ""


def _write(descriptor: int, content: bytes) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, content, 0)
