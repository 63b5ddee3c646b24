"""``--software-deployment-method conda`` with a stand-in for conda: what it is asked, and what the jobs find then."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from workspaces import REPOSITORY, Workspace

# Makes the environment as conda would from this file alone: Python and the packages of its list, by links to the tested
# ones. An entry that is no pinned package, such as an option of pip or a file, has no link and ends it.
CONDA = """#!{python}
import json, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
arguments = sys.argv[1:]
if arguments[:2] == ["info", "--json"]:
    print(json.dumps({{"conda_prefix": {prefix!r}, "platform": "linux-64"}}))
elif arguments == ["--version"]:
    print("conda 25.1.0")
elif arguments[0] == "config":
    print(json.dumps({{"get": {{"channel_priority": "strict"}}}}))
elif arguments[:2] == ["env", "create"]:
    import yaml
    from isolated import make_environment
    file, prefix = (arguments[arguments.index(option) + 1] for option in ("--file", "--prefix"))
    (inner,) = [item for item in yaml.safe_load(Path(file).read_text())["dependencies"] if isinstance(item, dict)]
    make_environment(Path(prefix), [line.split("==")[0] for line in inner["pip"]])
"""


@pytest.fixture
def conda(tmp_path):
    """The folder of a program ``conda``."""
    folder = tmp_path / "conda" / "bin"
    folder.mkdir(parents=True)
    program = folder / "conda"
    program.write_text(
        CONDA.format(python=sys.executable, tests=str(REPOSITORY / "tests"), prefix=str(tmp_path / "conda"))
    )
    program.chmod(0o755)
    (folder / "activate").write_text('export PATH="$1/bin:$PATH" CONDA_PREFIX="$1"\n')
    return folder


def test_jobs_in_a_conda_environment_call_the_library_beside_the_rules(tmp_path, conda, monkeypatch):
    """Of a copy of the repository with another version; neither the copy nor Snakemake is in the environment."""
    copied = tmp_path / "copy"
    for name in ("workflow", "src", "envs"):
        shutil.copytree(REPOSITORY / name, copied / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "Snakefile", copied)
    version = copied / "src" / "steelyard" / "__init__.py"
    version.write_text(version.read_text().replace('__version__ = "', '__version__ = "7.'))
    monkeypatch.setenv("PATH", f"{conda}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    workspace = Workspace(tmp_path)
    workspace.configure()
    command = ["results/tiny/provenance.json", "--software-deployment-method", "conda", "--workflow-profile", "none"]
    done = workspace.snakemake(*command, "--snakefile", str(copied / "workflow" / "Snakefile"))
    assert done.code == 0, done.text
    assert "Activating conda environment" in done.text
    found = json.loads((workspace.results / "provenance.json").read_text())["versions"]
    assert found["steelyard"].startswith("7.")
    (environment,) = (path for path in (tmp_path / ".snakemake" / "conda").iterdir() if path.is_dir())
    (packages,) = Path(environment).glob("lib/python*/site-packages")
    assert (
        (packages / "torch").exists() and not list(packages.glob("s*keyard*")) and not (packages / "snakemake").exists()
    )
