"""How property tests draw their examples: the same ones in every run, and few."""

from hypothesis import settings

examples = settings(derandomize=True, max_examples=60, deadline=None, database=None)
