"""The embedded analysis gg→(H*→)ZZ→4l with a known likelihood.

A LO-inspired helicity-amplitude model: it has the structure of the real process (large interference, cancellation at
high mass, eight correlated observables), but its numbers are not a physics prediction.
"""
