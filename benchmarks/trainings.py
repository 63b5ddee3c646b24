"""Trainings of the studies in this folder: the members of a ratio, or of several processes, without a workflow.

A study's recipe says how: ``members``, ``hidden``, ``epochs``, ``batch``, ``rate``, and ``bootstrap`` if it has one.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def trained(
    rows: Sequence[Any], name: str, features: Sequence[str], split: Any, recipe: Any, seed_of: Callable[[int], int]
) -> list[Any]:
    """All members of the ratio or group ``name``, trained one after the other; ``seed_of`` gives the seed of each."""
    from steelyard.ratios.members import load
    from steelyard.ratios.training import train_member

    training = SimpleNamespace(
        hidden=list(recipe.hidden),
        activation="silu",
        optimizer="adam",
        learning_rate=recipe.rate,
        warmup=0.03,
        weight_decay=0.0,
        batch_size=recipe.batch,
        epochs=recipe.epochs,
        patience=6,
        validation_fraction=0.1,
    )
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for member in range(recipe.members):
            path = Path(folder) / f"{member}.pt"
            train_member(
                rows,
                ratio=name,
                member=member,
                features=features,
                split=split,
                training=training,
                bootstrap=getattr(recipe, "bootstrap", False),
                seed=seed_of(member),
                network_path=path,
                curve_path=path.with_suffix(".csv"),
                checkpoint_path=path.with_suffix(".ckpt"),
            )
            found.append(load(path))
    return found
