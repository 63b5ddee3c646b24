"""Training of one member of a density ratio, or of those of several processes: a classifier, run by Lightning."""

import copy
import dataclasses
import hashlib
import json
import logging
import math
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import lightning
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.utilities.warnings import PossibleUserWarning
from torch import Tensor

import steelyard
from steelyard.data.identifiers import Split, SplitRule
from steelyard.errors import InputError
from steelyard.ratios.architectures.architecture import DEFAULT, Design
from steelyard.ratios.joint import JointNetwork
from steelyard.ratios.kept import Kept
from steelyard.ratios.members import Member, save
from steelyard.ratios.negative_density import require_positive
from steelyard.ratios.network import Network
from steelyard.ratios.resumption import Curve, History, ResumePoint, quiet_lightning, usable_checkpoint
from steelyard.ratios.signed import SignedNetwork
from steelyard.ratios.training_data import Batches, JointSample, RatioSample, Slices, TrainingData, select
from steelyard.ratios.version import TRAINING_VERSION
from steelyard.seeds import seed_for

log = logging.getLogger(__name__)

# Time constant of the average of the weights, as a fraction of all optimiser steps. While the learning rate is high the
# weights wander about the minimum: on the embedded analysis E_ref[r] did so by 1 %, with the average by 0.1 %.
AVERAGING = 0.1


class TrainingRule(Protocol):
    """The section ``training`` of the configuration, as far as it is used here.

    Beside these keys it has ``architecture``, a perceptron without it, and the options of that one: see
    :meth:`steelyard.ratios.architectures.architecture.Design.chosen`.
    """

    optimizer: str
    learning_rate: float
    warmup: float
    weight_decay: float
    batch_size: int
    epochs: int
    patience: int
    validation_fraction: float


def learning_rate_factor(step: int, steps: int, warmup: float) -> float:
    """Linear rise over the first ``warmup`` · ``steps`` optimiser steps, then a half cosine from 1 down to 0.

    Loshchilov and Hutter, arXiv:1608.03983, eq. 5 without restarts.
    """
    rise = math.ceil(warmup * steps)
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(steps - rise, 1)))


def averaging_factor(step: int, batches: int, steps: int) -> float:
    """How far the average of the weights moves to the current ones after ``batches`` more steps: 1 − exp(−batches/τ).

    τ = AVERAGING · ``steps``, but at most a quarter of the steps so far: the start is forgotten soon.

    Args:
        step: optimiser steps so far.
        batches: how many of them since the last call.
        steps: in the whole training.
    """
    return -math.expm1(-batches / min(AVERAGING * steps, step / 4))


class _LossSums:
    """Sums of the loss on the device; not attributes of the module, whose assignment is slow."""

    training: Tensor
    validation: Tensor


class RatioModule(LightningModule):
    """The network, its loss, its optimiser and its data, as Lightning wants them.

    ``average`` is the network whose weights are the exponential moving average of those of ``network`` (Polyak and
    Juditsky, SIAM J. Control Optim. 30 (1992) 838). It is validated and kept; ``network`` is what the optimiser moves.
    """

    def __init__(self, network: Network, data: TrainingData, training: TrainingRule, seed: int) -> None:
        super().__init__()
        self.network, self.data, self.training_rule, self.seed = network, data, training, seed
        self.average = copy.deepcopy(network).requires_grad_(False)
        self.automatic_optimization = False
        self._loss = _LossSums()

    @property
    def steps(self) -> int:
        """Optimiser steps in one epoch."""
        return Batches(self.data.training, self.training_rule.batch_size, self.seed).steps

    def train_dataloader(self) -> Batches:
        # all rows move to the device at once: they are small against it, and batches are cut there
        return Batches(self.data.training.to(self.device), self.training_rule.batch_size, self.seed)

    def val_dataloader(self) -> Slices:
        return Slices(self.data.validation.to(self.device))

    def on_train_epoch_start(self) -> None:
        self._loss.training = torch.zeros((), device=self.device)

    def training_step(self, block: tuple[Tensor, ...], batch_idx: int) -> None:
        # Lightning's own bookkeeping takes 0.7 ms of CPU a step, a third of what such a small network does in it: so it
        # hands out blocks of many batches, and the optimiser's steps over one block are made here.
        optimizer, scheduler = self.optimizers(use_pl_optimizer=False), self.lr_schedulers()
        for features, *weights in zip(*block, strict=True):
            optimizer.zero_grad()
            loss = self.network.loss(features, *weights)
            loss.backward()
            optimizer.step()
            scheduler.step()
            self._loss.training += loss.detach()  # read once an epoch: a look at every step would stop a GPU
        factor = averaging_factor(scheduler.last_epoch, len(block[0]), self.steps * self.training_rule.epochs)
        with torch.no_grad():
            for average, current in zip(self.average.parameters(), self.network.parameters(), strict=True):
                average.lerp_(current, factor)

    def on_validation_epoch_start(self) -> None:
        self._loss.validation = torch.zeros((), device=self.device)

    def validation_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> None:
        features, *weights = batch
        self._loss.validation += self.average.loss(features, *weights) * len(features)

    def on_validation_epoch_end(self) -> None:
        self.log("validation_loss", self._loss.validation / len(self.data.validation))
        self.log("training_loss", self._loss.training / self.steps)

    def configure_optimizers(self) -> dict[str, Any]:
        rule = self.training_rule
        options: dict[str, Any] = {"lr": rule.learning_rate, "weight_decay": rule.weight_decay}
        if rule.optimizer in ("adam", "adamw"):
            options["fused"] = True  # one kernel for all layers: these networks are so small that launches count
        optimizer = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "nadam": torch.optim.NAdam}[rule.optimizer](
            self.network.parameters(), **options
        )
        steps = rule.epochs * self.steps
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: learning_rate_factor(step, steps, rule.warmup)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def train_member(
    samples: Sequence[RatioSample] | Sequence[JointSample],
    *,
    ratio: str,
    member: int,
    features: Sequence[str],
    split: SplitRule,
    training: TrainingRule,
    bootstrap: bool,
    seed: int,
    network_path: str | os.PathLike,
    curve_path: str | os.PathLike,
    checkpoint_path: str | os.PathLike,
    zero_output: bool = False,
    paired: bool = False,
    threads: int = 1,
) -> Curve:
    """Train member ``member`` of the ratio p_1/p_0, or of a group of processes, and write its network and its curve.

    The averaged weights of the epoch with the lowest validation loss are kept. A checkpoint is written after every
    epoch to ``checkpoint_path`` and removed at the end; if one of the same configuration, seed and data is found there,
    the training goes on from it and ends with the same weights as an uninterrupted one. The trained member stays there,
    see :mod:`steelyard.ratios.kept`, and the same training is never done twice. The same arguments give the same
    bytes of the network file on the same machine.

    Args:
        samples: features and class weights of p_1 (``w1``) and p_0 (``w0``), or those of all processes of a group that
            shares one network (:mod:`steelyard.ratios.joint`), all rows of every sample; the rows that the member may
            see are chosen here, see :func:`steelyard.ratios.training_data.select`.
        ratio: name of the ratio or group, kept in the file.
        member: number of the member: its fold (cross-fitted) and its bootstrap replica.
        features: names of the columns of the features.
        split: which events train.
        training: section ``training`` of the configuration.
        bootstrap: weight the training events by Poisson(1) counts.
        seed: of the initial weights and of the order of the events.
        network_path: of the file that :func:`steelyard.ratios.members.load` reads.
        curve_path: of the CSV file with epoch, training and validation loss, learning rate, seconds.
        checkpoint_path: outside the declared outputs of the job.
        zero_output: start from f(x) = 0, "no effect", as the ratio of a variation to its nominal does. The last layer
            keeps its bias. It starts at 0 as well, where its gradient is the difference of the two classes' totals,
            and those are equal; at the minimum it makes E_1[1 − s] = E_0[s] hold on the training events with
            s = 1/(1 + e^(−f)), as E_0[e^f] = 1 implies. What is left of it cancels in the exact normalisation.
        paired: the two versions of an event that two samples share stay in one batch, see
            :func:`steelyard.ratios.training_data.select`.
        threads: of the CPU; the last bits of the weights depend on it.

    Raises:
        InputError: features that are not finite, or arrays that do not fit together.
        ModelError: no event to train on, class weights that do not sum to more than 0, a training that diverged, a
            density that is negative somewhere (:mod:`steelyard.ratios.negative_density`).
    """
    name = f"ratio {ratio}, member {member}"
    network_path, curve_path, checkpoint = Path(network_path), Path(curve_path), Path(checkpoint_path)
    torch.set_num_threads(threads)
    data = select(samples, split, member, training.validation_fraction, bootstrap, paired)
    if data.training.features.shape[1] != len(features):
        raise InputError(f"{name}: {data.training.features.shape[1]} features in the samples, {len(features)} names")
    digest = recipe(data, ratio, member, features, split, training, bootstrap, seed, zero_output)
    kept = Kept.beside(checkpoint)
    if kept.restore(digest, network_path, curve_path):
        log.info("%s: kept, it was trained before with the same configuration, seed and data", name)
        return Curve.read(curve_path)
    log.info("%s: %d events train, %d validate", name, len(data.training), len(data.validation))
    if Batches(data.training, training.batch_size, seed).steps == 1:
        log.warning(
            "%s: batch_size %d makes one step an epoch of the %d events that train, and %d in all, where a training "
            "takes thousands: lower batch_size",
            *(name, training.batch_size, len(data.training), training.epochs),
        )
    network = _initial_network(data, training, seed, zero_output)
    # The course of a training, unlike what it is meant to do, is that of these packages on so many threads.
    course = f"{digest}, torch {torch.__version__}, lightning {lightning.__version__}, {threads} threads"
    history = _fit(RatioModule(network, data, training, seed), name, checkpoint, course)
    if isinstance(network, SignedNetwork):
        network.load_state_dict(history.best_state)
        require_positive(network.cpu(), data.validation, name, features)
    save(
        Member(
            ratio=ratio,
            member=member,
            features=tuple(features),
            architecture=network.architecture(),
            state=history.best_state,
            split=Split.of(split),
            seen=data.seen,
            training=_settings(training),
            bootstrap=bootstrap,
            seed=seed,
            versions={
                "steelyard": steelyard.__version__,
                "torch": str(torch.__version__),
                "training": TRAINING_VERSION,
            },
            recipe=digest,
        ),
        network_path,
    )
    history.curve.write(curve_path)
    kept.keep(network_path, curve_path)
    checkpoint.unlink(missing_ok=True)
    best = history.curve.best
    log.info("%s: best epoch %d, validation %.6f", name, best + 1, history.curve.validation_loss[best])
    return history.curve


def _initial_network(data: TrainingData, training: TrainingRule, seed: int, zero_output: bool) -> Network:
    generator, rows = torch.Generator().manual_seed(seed_for(seed, "weights")), data.training
    arguments = rows.features.shape[1], Design.chosen(training), zero_output, generator
    if data.processes:
        network: Network = JointNetwork(*arguments, processes=data.processes, families=data.families)
    else:
        network = Network(*arguments) if data.net is None else SignedNetwork(*arguments, net=data.net)
    network.standardise(rows.features)
    return network


def recipe(
    data: TrainingData,
    ratio: str,
    member: int,
    features: Sequence[str],
    split: SplitRule,
    training: TrainingRule,
    bootstrap: bool,
    seed: int,
    zero_output: bool,
) -> str:
    """A digest of all that the network of a member follows from but the machine and the versions of packages.

    Those are left out as they are in the workflow, where a new version of a package trains no network again:
    ``TRAINING_VERSION`` does.
    """
    words = [
        TRAINING_VERSION,
        [ratio, member, list(features)],
        dataclasses.asdict(Split.of(split)),
        _settings(training),
        [bootstrap, seed, zero_output],
        data.digest(),
    ]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()


def _settings(training: TrainingRule) -> dict[str, Any]:
    """The section ``training`` of the configuration as plain data: what decides that a network is trained again.

    The default architecture goes without saying, as it did before there were others.
    """
    design = Design.chosen(training)
    name = {} if design.architecture == DEFAULT else {"architecture": design.architecture}
    return name | dict(design.options) | {key: getattr(training, key) for key in TrainingRule.__annotations__}


def _fit(module: RatioModule, name: str, checkpoint: Path, digest: str) -> History:
    """Run Lightning until the last epoch or early stopping."""
    rule = module.training_rule
    history = History(name, rule.learning_rate, module.network.nothing_learnt)
    # EarlyStopping decides before the epoch's end, where the two callbacks after it look at the decision
    stopping = EarlyStopping("validation_loss", patience=rule.patience, check_on_train_epoch_end=False)
    with quiet_lightning(), warnings.catch_warnings():
        warnings.simplefilter("ignore", PossibleUserWarning)  # advice on DataLoader workers, of which there are none
        warnings.filterwarnings("ignore", message=".*LeafSpec")  # between Lightning and its torch, of no concern here
        trainer = Trainer(
            accelerator="auto",
            devices=1,
            plugins=[
                LightningEnvironment()
            ],  # never the batch system's: one job is one training, not one of many ranks
            deterministic=torch.cuda.is_available(),  # CPU kernels are; the flag would only make them slower
            max_epochs=rule.epochs,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[stopping, history, ResumePoint(checkpoint, digest)],
        )
        found = usable_checkpoint(checkpoint, digest, name)
        trainer.fit(module, ckpt_path=found, weights_only=True)
    return history
