"""Files that are either whole or absent."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary name beside ``path`` to write to, and rename it to ``path`` when the block ends.

    A block that raises, or a job that is killed, never leaves a half-written ``path``. The temporary
    name keeps the suffix of ``path``, since many writers choose the format by it.

    Raises:
        OSError: the folder is not writable or the disk is full; nothing is left behind then.
    """
    path = Path(path)
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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
