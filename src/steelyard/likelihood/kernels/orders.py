"""How far the derivatives of an evaluation go; each order includes those below."""

import numpy as np

# A literal number would be a type of its own, for which everything that it is handed to is compiled once more.
VALUE, GRADIENT, HESSIAN = np.int64(0), np.int64(1), np.int64(2)
