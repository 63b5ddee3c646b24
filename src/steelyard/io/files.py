"""Files that are either whole or absent."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from steelyard.errors import OutputError

# What the system says when it is the disk's fault, and what the user can do about it.
REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some of your quota",
    errno.EROFS: "mount it for writing",
    errno.EACCES: "change its permissions",
    errno.EPERM: "change its permissions",
    errno.ENOTDIR: "move the file that is in the way",
    errno.EFBIG: "raise the limit on the size of a file (ulimit -f)",
}
NEARLY_FULL = 1 << 16  # bytes


@contextmanager
def whole(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary name beside ``path`` to write to, and rename it to ``path`` when the block ends.

    A block that raises, or a job that is killed, never leaves a half-written ``path``. The temporary
    name keeps the suffix of ``path``, since many writers choose the format by it.

    Raises:
        OutputError: the folder is not writable or the disk is full; nothing is left behind then.
    """
    path = Path(path)
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def require_writable(folder: str | os.PathLike) -> None:
    """Write a small file in ``folder``, which is made if it is not there, and take it away again.

    Raises:
        OutputError: it cannot be written.
    """
    folder = Path(folder)
    with writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(NEARLY_FULL))


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Say of a failure to write ``path`` what it was and what to do, if it was the disk's fault.

    Raises:
        OutputError: instead of an OSError of the disk, and instead of anything that a writer raises on a full disk:
            many keep no error number.
    """
    try:
        yield
    except OSError as error:
        if error.errno in REMEDIES:
            raise _blame(path, error.errno) from error
        if _is_full(path):
            raise _blame(path, errno.ENOSPC) from error
        raise
    except Exception as error:
        if _is_full(path):
            raise _blame(path, errno.ENOSPC) from error
        raise


def _blame(path: Path, number: int) -> OutputError:
    return OutputError(
        f"cannot write {path}: {os.strerror(number)}; {REMEDIES[number]}, or let the key output of the configuration "
        "name a folder elsewhere"
    )


def _is_full(path: Path) -> bool:
    folder = next((parent for parent in path.absolute().parents if parent.is_dir()), Path("/"))
    return shutil.disk_usage(folder).free < NEARLY_FULL


def link(source: str | os.PathLike, path: str | os.PathLike) -> None:
    """Make ``path`` a second name of the file ``source``, which costs no space; a copy where there are no hard links.

    Whatever was at ``path`` is replaced, at once.

    Raises:
        OSError: no such file, the folder is not writable or the disk is full.
    """
    source, path = Path(source), Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        try:
            os.link(source, temporary)
        except FileNotFoundError:
            raise
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(source, temporary)
        os.replace(temporary, path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
