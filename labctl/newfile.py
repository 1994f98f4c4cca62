"""A new file appears whole or not at all, and never in place of another one but its own earlier state."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from labctl.errors import LabctlError, RequestError

_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def check_writable(target: Path) -> None:
    """Raise RequestError where `target` exists already or its directory does not take a new file.

    A file is really made and removed, because permission bits say nothing of a read-only or a full disk.
    """
    check_absent(target)
    probe = partial_of(target)
    try:
        os.close(create(probe))
        probe.unlink()
    except OSError as error:
        raise no_new_files(target.parent, error) from error


def check_absent(target: Path) -> None:
    """Raise RequestError where `target` exists already, be it as a link that leads nowhere."""
    if os.path.lexists(target):
        raise RequestError(
            f"{target} must not exist yet; it does. Nothing was overwritten: choose another name."
        )


def no_new_files(folder: Path, error: OSError) -> RequestError:
    """Return the error that says that a directory takes no new file."""
    return RequestError(f"{folder} must be a directory that takes new files; got: {error.strerror}.")


def check_space(folder: Path, size: int) -> None:
    """Raise RequestError where the disk of a directory has no room for `size` bytes, or there is no directory."""
    try:
        disk = os.statvfs(folder)
    except OSError as error:
        raise no_new_files(folder, error) from error
    free = disk.f_bavail * disk.f_frsize
    if free < size:
        raise RequestError(
            f"the disk of {folder} must have {size / 1e6:.0f} MB free for this run; it has {free / 1e6:.0f} MB. "
            "Nothing was sent."
        )


def make_folder(folder: Path) -> None:
    """Make a directory with those above it where they are missing; RequestError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"{folder} must be a directory: {error.strerror}.") from error


def publish(
    content: bytes, target: Path, verify: Callable[[Path], None] | None = None, tag: str | None = None
) -> Path:
    """Write `content` to a partial file beside `target`, verify it, then give it its name; return `target`.

    `verify` is handed the partial file after it has reached the disk and raises where it is not right. Where
    `target` came into being meanwhile, RequestError says so, the other file stays as it is, and the partial
    file is kept. A disk that does not take the file raises LabctlError and leaves nothing behind. `tag` is
    the partial file's own part of its name, for who may come back after a crash: what was left is replaced.
    """
    partial = partial_of(target, tag)
    try:
        if tag:
            partial.unlink(missing_ok=True)
        _write(partial, content)
    except OSError as error:
        with suppress(
            OSError
        ):  # a folder that was locked meanwhile does not even say that there is no such file
            partial.unlink(missing_ok=True)
        raise LabctlError(
            f"{target} could not be written: {error.strerror}. No file was left behind."
        ) from error
    if verify is not None:
        verify(partial)
    try:
        give_name(partial, target)
    except FileExistsError as error:
        raise RequestError(
            f"{target} must not exist; it appeared while it was being made. "
            f"Nothing was overwritten: the whole file is kept as {partial.name}."
        ) from error
    sync_directory(target.parent)
    return target


def replace(content: bytes, target: Path, seen: os.stat_result, verify: Callable[[Path], None]) -> None:
    """Put `content` in the place of `target`, whole or not at all: whatever happens, one of the two is there.

    It is written to a partial file beside `target`, verified, and then takes its name and its permissions.
    RequestError where `target` is no longer as it was `seen`, LabctlError where the disk did not take the file, and
    whatever `verify` raises; `target` is then as it was, and nothing is left behind.
    """
    partial = partial_of(target)
    try:
        _write(partial, content)
        partial.chmod(stat.S_IMODE(seen.st_mode))
        verify(partial)
        with locked(target.parent):  # so that two programs that replace one file do it one after the other
            if _state(os.stat(target)) != _state(seen):
                raise RequestError(
                    f"{target} must stay as it is meanwhile; it was changed. Nothing was written."
                )
            partial.replace(target)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise LabctlError(f"{target} could not be replaced: {error.strerror}. It is as it was.") from error
    except LabctlError:
        partial.unlink(missing_ok=True)
        raise
    try:
        sync_directory(target.parent)
    except OSError as error:
        raise LabctlError(
            f"{target} was replaced, but may not outlive a power cut: {error.strerror}."
        ) from error


def _state(seen: os.stat_result) -> tuple[int, ...]:
    return (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns)


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Let programs do what stands below one after the other in a folder; where it has no locks, all at once."""
    with ExitStack() as stack:
        with suppress(OSError):  # a network share without locks: the other one would be a coincidence
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def partial_of(target: Path, tag: str | None = None) -> Path:
    """Return a name beside `target` for what is not yet whole.

    The random part keeps two programs that want the same name out of each other's way.
    """
    return target.with_name(f"{target.name}.{tag or uuid4().hex[:8]}.partial")


def create(path: Path, flags: int = os.O_WRONLY) -> int:
    """Make a file that was not there, following no link, and return its descriptor; OSError otherwise."""
    return os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of `content`; one write() may be cut short without an error."""
    rest = memoryview(content)
    while rest:
        written = os.write(descriptor, rest)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rest = rest[written:]


def give_name(partial: Path, target: Path) -> None:
    """Move a file to a name that nobody has, else FileExistsError."""
    try:
        os.link(partial, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # A USB stick (exFAT) has no hard links: claim the name with an empty file of our own, move onto that.
        os.close(create(target))
        partial.replace(target)
    else:
        partial.unlink()


def sync_directory(directory: Path) -> None:
    """Let the names in a directory reach the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, content: bytes) -> None:
    descriptor = create(path)
    try:
        write_all(descriptor, content)
        os.fsync(descriptor)
        if hasattr(os, "posix_fadvise"):  # so that a verification reads the disk, not the page cache
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
