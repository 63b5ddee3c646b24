"""How far the derivatives of an evaluation go; each order includes those below."""

from typing import Any

import numpy as np

# A literal number would be a type of its own, for which everything that it is handed to is compiled once more.
VALUE: Any = np.int64(0)
GRADIENT: Any = np.int64(1)
HESSIAN: Any = np.int64(2)
