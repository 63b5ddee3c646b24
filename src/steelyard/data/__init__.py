"""Simulated and observed events: ROOT ntuples, memory-mapped columns, splits and the reference mixture."""
