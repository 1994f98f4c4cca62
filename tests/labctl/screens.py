"""A terminal that programs can be run in, or that pictures can be drawn on, and what stands on it."""

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import pyte

#: Moving up, erasing to the end of the line and of the screen, and looks: nothing of it has to be undone.
HARMLESS = re.compile(rb"\x1b\[\d*A|\x1b\[K|\x1b\[J|\x1b\[[\d;]*m")


class Screen:
    """A pseudo-terminal of a size, with an emulator at its other end."""

    def __init__(self, columns: int, lines: int) -> None:
        self._master, self._slave = os.openpty()
        self._screen = pyte.HistoryScreen(columns, lines, history=1000)
        self._emulator = pyte.ByteStream(self._screen)
        self.received = b""
        self._set_size(columns, lines)
        self.modes = termios.tcgetattr(self._slave)
        self.processes: list[subprocess.Popen[str]] = []

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns: int, lines: int) -> None:
        self.look()
        self._set_size(columns, lines)
        self._screen.resize(lines, columns)
        for process in self.processes:
            process.send_signal(signal.SIGWINCH)

    def stream(self) -> TextIO:
        """The terminal as a program has its standard error."""
        return open(self._slave, "w", encoding="utf-8", closefd=False)

    def start(self, words: list[str], folder: Path, **environ: str) -> "subprocess.Popen[str]":
        """Run a program in the terminal, which is then its controlling one."""
        process = subprocess.Popen(
            words,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            cwd=folder,
            env={**os.environ, "TERM": "xterm-256color", **environ},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            text=True,
        )
        self.processes.append(process)
        return process

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def look(self) -> list[str]:
        """The lines that are to be seen now."""
        while select.select([self._master], [], [], 0)[0]:
            data = os.read(self._master, 65536)
            self.received += data
            self._emulator.feed(data)
        return [line.rstrip() for line in self._screen.display]

    def scrolled(self) -> list[str]:
        """All lines, those included that have left the screen at the top."""
        seen = self.look()
        left = [
            "".join(line[column].data for column in range(self._screen.columns)).rstrip()
            for line in self._screen.history.top
        ]
        return [*left, *seen]

    def wait_for(self, text: str) -> list[str]:
        """Wait until a text is to be seen; return the lines that are to be seen then."""
        return self.wait_until(lambda lines: any(text in line for line in lines), repr(text))

    def wait_until(self, is_so: Callable[[list[str]], bool], what: str, patience: float = 40.0) -> list[str]:
        """Wait until something can be said of the lines that are to be seen, and return them."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            lines = self.look()
            if is_so(lines):
                return lines
            select.select([self._master], [], [], 0.02)
        raise AssertionError(f"{what} never came; there is:\n" + "\n".join(self.scrolled()))

    def status_of(self, process: "subprocess.Popen[str]", patience: float = 40.0) -> int:
        """Look on until a program in the terminal has ended, and return its exit status."""
        end = time.monotonic() + patience
        while process.poll() is None:
            assert time.monotonic() < end, "\n".join(self.scrolled())
            self.look()
            select.select([self._master], [], [], 0.02)
        # its last words may come after its end
        while time.monotonic() < end and select.select([self._master], [], [], 0.1)[0]:
            self.look()
        return process.returncode

    def assert_as_before(self) -> None:
        """Nothing was switched on that would have to be switched off; the modes of the line are what they were."""
        self.look()
        assert b"\x1b" not in HARMLESS.sub(b"", self.received)
        assert termios.tcgetattr(self._slave) == self.modes

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        os.close(self._slave)
        os.close(self._master)
