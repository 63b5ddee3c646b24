"""What all tests share."""

import sys
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def interference():
    """A small analysis with interference and exact ratios, as a statistical model."""
    from interference import model

    return model()


class SlurmTogether(LoadFileScheduling):
    """Tests are shared out by file, but those of Slurm go to one worker: they take turns at one /etc/slurm anyway."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "slurm" if Path(file).name.startswith("test_slurm") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """How xdist shares out the tests."""
    return SlurmTogether(config, log)
