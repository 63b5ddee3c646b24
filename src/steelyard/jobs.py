"""What every job of the workflow does around its one library call: a log, and one clear error."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from steelyard.errors import SteelyardError


@contextmanager
def logged(path: str | os.PathLike) -> Iterator[logging.Logger]:
    """Send the log of a job to a file; on a deliberate error print its one message, naming the log, and exit with 1.

    Any other exception is a bug: it leaves its traceback in the log and goes on.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    logger = logging.getLogger("steelyard")
    handler = logging.FileHandler(path, mode="w")
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
