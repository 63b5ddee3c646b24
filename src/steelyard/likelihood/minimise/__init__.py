"""Newton's method with the exact Hessian, continuation along a profile, basins and valleys."""
