"""The rooms of the library: what may import what, and that a name says one thing."""

import ast
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "steelyard"

# Lowest first: a module imports from its own room and from those before it, annotations included.
ROOMS = (
    "errors",
    "options",
    "registry",
    "seeds",
    "numerics",
    "expressions",
    "io",
    "checks",
    "model",
    "simulators",
    "data",
    "ratios",
    "likelihood",
    "regions",
    "inference",
    "finite_simulation",
    "coverage",
    "baselines",
    "diagnostics",
    "report",
    "plots",
    "configuration",
    "runtime",
)

# One name for a thing and for the picture of it; a room's own __init__ is no name.
PICTURES = "plots"


def imports(path):
    """Dotted names below the package that a module imports, at the top, in functions and for annotations."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "steelyard":
            inside = node.module.partition(".")[2]
            for alias in node.names:
                yield inside or alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("steelyard."):
                    yield alias.name.partition(".")[2]


def test_every_room_has_its_place():
    found = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert found - {"__init__"} == set(ROOMS)


def test_nothing_imports_upwards():
    upwards = []
    for path in SOURCE.rglob("*.py"):
        place = path.relative_to(SOURCE).with_suffix("").parts
        if place == ("__init__",):
            continue
        for name in imports(path):
            room = name.split(".")[0]
            if room in ROOMS and ROOMS.index(room) > ROOMS.index(place[0]):
                upwards.append(f"{'.'.join(place)} imports {name}")
    assert not upwards, "\n".join(upwards)


def test_a_name_occurs_once_or_with_its_picture():
    places = defaultdict(list)
    for path in SOURCE.rglob("*.py"):
        if path.stem not in ("__init__", "__main__"):
            places[path.stem].append(path.relative_to(SOURCE).parts[0])
    assert not {name: rooms for name, rooms in places.items() if len([r for r in rooms if r != PICTURES]) > 1}
