"""The state of a training between epochs: its curve, its best weights, and a checkpoint to resume from."""

import csv
import logging
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from steelyard.errors import ModelError
from steelyard.io.files import whole

log = logging.getLogger(__name__)

# In units of the loss of "no difference", which is ln 2 where no weight is negative. A mean loss of ten times that is a
# log ratio wrong by some 14 on every event of one class. Early in a training with few or extreme events one of the two
# losses may be large for an epoch; both of them never are.
LOST = 10.0
# The best epoch of a training that has learnt anything is near one or below: the noise of a small validation set adds
# some tenths.
USELESS = 2.0


@dataclass(frozen=True)
class Curve:
    """The course of one training, an entry per epoch.

    Attributes:
        epoch: counted from 1.
        training_loss: mean over the epoch's batches, while the weights change.
        validation_loss: of the averaged weights after the epoch.
        learning_rate: at the end of the epoch.
        seconds: wall time of the epoch.
    """

    epoch: list[int] = field(default_factory=list)
    training_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def best(self) -> int:
        """Index of the epoch with the lowest validation loss, the first of equals."""
        return min(range(len(self.epoch)), key=self.validation_loss.__getitem__)

    @classmethod
    def read(cls, path: str | os.PathLike) -> "Curve":
        """The curve in a file of :meth:`write`, to its digits."""
        with Path(path).open(newline="") as file:
            rows = list(csv.DictReader(file))
        columns = {name: [float(row[name]) for row in rows] for name in cls.__annotations__}
        return cls(**columns | {"epoch": [int(row["epoch"]) for row in rows]})

    def write(self, path: str | os.PathLike) -> None:
        """Write the curve as CSV, whole."""
        columns = (self.epoch, self.training_loss, self.validation_loss, self.learning_rate, self.seconds)
        lines = ["epoch,training_loss,validation_loss,learning_rate,seconds"]
        for epoch, training, validation, rate, seconds in zip(*columns, strict=True):
            lines.append(f"{epoch},{training:.9g},{validation:.9g},{rate:.6g},{seconds:.3f}")
        with whole(path) as temporary:
            temporary.write_text("\n".join(lines) + "\n")


class History(Callback):
    """Keeps the curve and the weights of the best epoch, and gives up a training that has diverged.

    That is one with a loss that is not a number, with training and validation loss beyond :data:`LOST` after an epoch,
    or with none below :data:`USELESS` in the end. A run that goes well meets none of it and is not changed by it.

    ``nothing`` is the loss of a network that has learnt nothing, its unit.

    The LightningModule logs ``training_loss`` and ``validation_loss`` once an epoch, the latter of its ``average``.
    """

    def __init__(self, name: str, learning_rate: float, nothing: float = math.log(2)) -> None:
        self.name, self.learning_rate, self.nothing = name, learning_rate, nothing
        self.curve = Curve()
        self.best_state: dict[str, Tensor] = {}
        self._start = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._start = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        training_loss = float(trainer.callback_metrics["training_loss"])
        validation_loss = float(trainer.callback_metrics["validation_loss"])
        learning_rate = trainer.optimizers[0].param_groups[0]["lr"]
        epoch, epochs = trainer.current_epoch + 1, trainer.max_epochs
        finite = math.isfinite(training_loss) and math.isfinite(validation_loss)
        if not finite or min(training_loss, validation_loss) > LOST * self.nothing:
            raise self._diverged(f"in epoch {epoch} (training", training_loss, validation_loss)
        self.curve.epoch.append(epoch)
        self.curve.training_loss.append(training_loss)
        self.curve.validation_loss.append(validation_loss)
        self.curve.learning_rate.append(learning_rate)
        self.curve.seconds.append(time.monotonic() - self._start)
        if self.curve.best == len(self.curve.epoch) - 1:
            self.best_state = _copy(pl_module.average.state_dict())
        log.info(
            "%s: epoch %d of %d, loss %.6f, validation %.6f, %.1f s",
            *(self.name, epoch, epochs, training_loss, validation_loss, self.curve.seconds[-1]),
        )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        best = self.curve.best
        if self.curve.validation_loss[best] > USELESS * self.nothing:
            losses = self.curve.training_loss[best], self.curve.validation_loss[best]
            raise self._diverged(f"(best epoch {best + 1}: training", *losses)

    def _diverged(self, when: str, training_loss: float, validation_loss: float) -> ModelError:
        return ModelError(
            f"{self.name}: the training diverged {when} loss {training_loss:.4g}, validation loss "
            f"{validation_loss:.4g}, where a ratio of 1 everywhere has {self.nothing:.3f}): lower `learning_rate` of "
            f"its section training (here {self.learning_rate:g}; try a tenth of it), or look for extreme weights and "
            "features"
        )

    def state_dict(self) -> dict[str, Any]:
        return {"curve": dict(vars(self.curve)), "best_state": _copy(self.best_state)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.curve = Curve(**state_dict["curve"])
        self.best_state = state_dict["best_state"]


class ResumePoint(Callback):
    """Writes a checkpoint after every epoch: network, optimiser, schedule and the state of the other callbacks.

    It must come after them in the list of callbacks. ``digest`` marks what the checkpoint belongs to.
    """

    def __init__(self, path: Path, digest: str) -> None:
        self.path, self.digest = path, digest

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Lightning does not restore its decision to stop: resume from the epoch before, and it is taken again.
        if not trainer.should_stop:
            with whole(self.path) as temporary:
                trainer.save_checkpoint(temporary)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        checkpoint["digest"] = self.digest


def usable_checkpoint(path: Path, digest: str, name: str) -> Path | None:
    """``path`` if it holds a checkpoint with this digest; else None, with the reason in the log."""
    if not path.is_file():
        return None
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        if found["digest"] == digest:
            log.info("%s: resumes after epoch %d from %s", name, found["epoch"] + 1, path)
            return path
        reason = "belongs to another configuration, seed, data or version"
    except Exception as error:  # torch raises anything on damaged files
        reason = f"is damaged ({type(error).__name__})"
    log.warning("%s: the checkpoint %s %s and is ignored; training starts anew", name, path, reason)
    return None


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's announcements out of the terminal; its errors still pass."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _copy(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
