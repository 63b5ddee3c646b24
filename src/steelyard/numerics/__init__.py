"""Compiled functions of numbers: how they are compiled, and exponentials and logarithms in vector lanes."""
