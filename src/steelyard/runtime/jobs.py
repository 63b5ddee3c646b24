"""The frame of every job of the workflow around its one library call: a log, and one clear error."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from steelyard.errors import OutputError, SteelyardError
from steelyard.io.files import writable


class LogFile(logging.FileHandler):
    """A log that a full disk cuts short: the job itself says clearly enough what is wrong."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802, a name of the standard library
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def close(self) -> None:
        with suppress(OSError):
            super().close()


@contextmanager
def logged(path: str | os.PathLike) -> Iterator[logging.Logger]:
    """Send the log of a job to a file; on a deliberate error print its one message, naming the log, and exit with 1.

    Any other exception is a bug: it leaves its traceback in the log and goes on.
    """
    logger = logging.getLogger("steelyard")
    try:
        with writable(Path(path)):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            handler = LogFile(path, mode="w")
    except OutputError as error:
        print(f"\nError: {error}\n", file=sys.stderr)
        raise SystemExit(1) from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    start = time.monotonic()
    try:
        yield logger
        logger.info("done in %.1f s", time.monotonic() - start)
    except SteelyardError as error:
        logger.error("%s", error)
        print(f"\nError: {error}\n(log: {path})\n", file=sys.stderr)
        raise SystemExit(1) from None
    except Exception:
        logger.exception("unexpected error")
        raise
    finally:
        logger.removeHandler(handler)
        handler.close()
