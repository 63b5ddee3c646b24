"""How far the derivatives of an evaluation go; each order includes those below."""

VALUE, GRADIENT, HESSIAN = 0, 1, 2
