"""Work that may crash or swell is tried out in a child process first, which has little to lose."""

from __future__ import annotations

import faulthandler
import os
import resource
import select
import signal
import time
from collections.abc import Callable
from typing import Final

MEMORY: Final = 8 * 2**30
"""Address space (bytes) of the child, of which a Python with numpy holds one or two at rest; our choice."""

SECONDS: Final = 60
"""Processor time, and time on the wall, after which the child is ended; our choice."""

_LONGEST = 4096


def complaint_of(work: Callable[[], str]) -> str:
    """Return what `work`, done in a child process, says; how the child ended where it did not come to its end.

    The child is a copy of this process (fork: 10 ms, where a new interpreter with h5py takes 300) under limits of
    memory and time. Nothing of what it does comes back but the text, at most 4096 bytes of it.
    """
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(here)
        _work(work, there)
    os.close(there)
    try:
        said = _heard(here, time.monotonic() + SECONDS)
    finally:
        os.close(here)
        os.kill(child, signal.SIGKILL)  # it has said what it had to say, or is too late
        _, status = os.waitpid(child, 0)
    if said[:1] == b"=":
        return said[1:].decode("utf-8", "replace")
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) not in {signal.SIGKILL, signal.SIGXCPU}:
        return f"the program that reads it crashes ({signal.Signals(os.WTERMSIG(status)).name})"
    return f"it takes more than {SECONDS} s or {MEMORY >> 30} GB to read"


def _work(work: Callable[[], str], answer: int) -> None:
    """Do the work and say "=" and its text; never return, whatever happens."""
    try:
        confine()
        _limit(resource.RLIMIT_CPU, SECONDS)
        os.write(answer, b"=" + work().encode("utf-8", "replace")[:_LONGEST])
    finally:
        os._exit(1)


def confine() -> None:
    """Give this process, a child that reads what may harm it, the limit of memory, and let it crash in silence."""
    faulthandler.disable()  # a crash is expected here, and told by the parent
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, MEMORY)


def _limit(what: int, wanted: int) -> None:
    _, hard = resource.getrlimit(what)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(what, (allowed, allowed))


def _heard(pipe: int, deadline: float) -> bytes:
    """What comes out of the pipe until it is closed or the deadline is over."""
    said = b""
    while (left := deadline - time.monotonic()) > 0 and select.select([pipe], [], [], left)[0]:
        part = os.read(pipe, _LONGEST)
        if not part:
            break
        said += part
    return said
