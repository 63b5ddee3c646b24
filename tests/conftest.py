"""What all tests share."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def interference():
    """A small analysis with interference and exact ratios, as a statistical model."""
    from interference import model

    return model()
