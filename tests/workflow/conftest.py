"""Runs of the workflow in a folder of their own."""

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock
from slurm_node import SlurmNode, missing
from workspaces import Finished, Workspace


@pytest.fixture
def workspace(tmp_path):
    """An empty folder with the tiny configuration."""
    made = Workspace(tmp_path)
    made.configure()
    return made


@pytest.fixture(scope="session")
def finished_workspace(tmp_path_factory):
    """A folder in which the tiny analysis has run to its end, once for all tests; its files are not to be changed.

    The workers of one test session share it: the first to ask runs the analysis, the others wait.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    made, printed = Workspace(shared / "tiny-finished"), shared / "tiny-finished.txt"
    with FileLock(shared / "tiny-finished.lock"):
        if not printed.exists():
            made.folder.mkdir()  # fails where the run of another worker has failed
            made.configure()
            first = made.snakemake()
            assert first.code == 0, first.text[-5000:]
            printed.write_text(first.text)
    return made, Finished(0, printed.read_text())


@pytest.fixture
def htcondor_plugin():
    """Snakemake's plugin for HTCondor, which is installed on request; needed where the environment has CI set."""
    if not importlib.util.find_spec("snakemake_executor_plugin_htcondor"):
        reason = "the plugin for HTCondor is not installed: make htcondor-plugin"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="module")
def slurm():
    """A real Slurm of one node, started once for a file of tests; never skipped where the environment has CI set.

    Workers take turns: there is one /etc/slurm on a machine.
    """
    reason = missing()
    if reason and os.environ.get("CI"):
        pytest.fail(f"no Slurm for the tests: {reason}")
    if reason:
        pytest.skip(f"no Slurm for the tests: {reason}")
    # Not pytest's own temporary folder: munge wants every folder above its socket open to all users.
    folder = Path(tempfile.mkdtemp(prefix="steelyard-slurm-"))
    node = SlurmNode(folder)
    try:
        node.start()
        yield node
    finally:
        node.stop()
        shutil.rmtree(folder)
