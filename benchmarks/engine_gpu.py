"""Would a GPU pay? Value and gradient of many toys at once by torch, on a GPU or on one core, against the engine.

    python benchmarks/engine_gpu.py [--device cuda] [--toys 200]

In ns per event, process and nuisance parameter, for toys of about 1,000 events with 10 nuisance parameters. torch holds
all toys as one array, filled up to the largest by events without weight: code 4's coefficients in float32, products and
sums in float64, the gradient by reverse mode, the normaliser left out (it is no work on events). The engine's figure is
that of one core of the same machine, toy after toy. Multiply the ratio by the cores of a node to compare with a node.
"""

import argparse

import engine_analysis as common
import numpy as np
import torch

from steelyard.likelihood.kernels.orders import GRADIENT
from steelyard.likelihood.likelihood import Likelihood
from steelyard.model.effects import Normaliser
from steelyard.model.interpolation.code4 import code4_coefficients

NUISANCES = 10


class Batch:
    """T toys of at most N events: the likelihood as a function of (T,) kappa and (T, K) alpha."""

    def __init__(self, analysis: common.Analysis, toys: int, device: str) -> None:
        rows, offsets, observed = analysis.throw(1.0, toys, np.random.default_rng(1))
        sizes = np.diff(offsets)
        place = np.minimum(offsets[:-1, None] + np.arange(sizes.max()), len(rows) - 1)
        chosen = rows[place]
        weights = (np.arange(sizes.max()) < sizes[:, None]).astype(float)
        shape = (*chosen.shape, len(analysis.mixture.processes), NUISANCES)
        log_g = analysis.log_g[chosen].astype(float).reshape(*shape, 2)
        coefficients = _coefficients(log_g).astype(np.float32)

        def put(array: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(array)).to(device)

        self.log_g, self.coefficients = put(log_g.astype(np.float32)), put(coefficients)
        self.intensities, self.weights, self.observed = put(analysis.intensities[chosen]), put(weights), put(observed)
        self.polynomial = put(analysis.mixture.coefficients.polynomial)
        self.yields = put(analysis.mixture.yields)
        self.log_yields = put(analysis.systematics.log_yields)
        self.yield_coefficients = put(_coefficients(analysis.systematics.log_yields))
        self.units = int(sizes.sum()) * shape[-2] * NUISANCES
        self.toys = [rows[offsets[toy] : offsets[toy + 1]] for toy in range(toys)]

    def value(self, kappa: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        """(T,) -2 ln L without the normaliser."""
        powers = kappa[:, None] ** torch.arange(self.polynomial.shape[1], device=kappa.device)
        process_coefficients = powers @ self.polynomial.T
        yields = _code4(self.log_yields, self.yield_coefficients, alpha[:, None, :]).prod(dim=-1)
        shapes = _code4(self.log_g, self.coefficients, alpha[:, None, None, :].float()).double().prod(dim=-1)
        intensity = torch.einsum("tnc,tnc,tc->tn", self.intensities, shapes, process_coefficients * yields)
        expected = (process_coefficients * yields) @ self.yields
        pulls = ((alpha - self.observed) ** 2).sum(dim=-1)
        return 2.0 * expected - 2.0 * (self.weights * intensity.log()).sum(dim=-1) + pulls

    def gradient(self, kappa: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        """(T, 1 + K); waits for the device."""
        kappa, alpha = kappa.detach().requires_grad_(), alpha.detach().requires_grad_()
        of_kappa, of_alpha = torch.autograd.grad(self.value(kappa, alpha).sum(), (kappa, alpha))
        return torch.cat([of_kappa[:, None], of_alpha], dim=1).cpu()


def _coefficients(log_g: np.ndarray) -> np.ndarray:
    return np.moveaxis(code4_coefficients(log_g[..., 0], log_g[..., 1]), 0, -1)


def _code4(log_g: torch.Tensor, coefficients: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    inside = coefficients[..., 5]
    for order in range(4, -1, -1):
        inside = inside * alpha + coefficients[..., order]
    outside = torch.where(alpha > 0.0, alpha * log_g[..., 0], -alpha * log_g[..., 1]).exp()
    return torch.where(alpha.abs() < 1.0, 1.0 + alpha * inside, outside)


def main() -> None:
    """Print both figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--toys", type=int, default=200)
    given = parser.parse_args()
    common.one_core()
    torch.set_num_threads(1)
    common.print_machine()
    analysis = common.analysis(NUISANCES)
    batch = Batch(analysis, given.toys, given.device)
    generator = np.random.default_rng(2)
    points = generator.uniform(0.5, 1.5, size=given.toys), generator.normal(size=(given.toys, NUISANCES))
    kappa, alpha = (torch.from_numpy(array).to(given.device) for array in points)
    batched = common.seconds(lambda: batch.gradient(kappa, alpha), least=2.0)
    bare = analysis.systematics.with_effects(normaliser=Normaliser.none(len(analysis.systematics.terms)))
    data = [
        Likelihood.of(
            analysis.mixture, analysis.intensities[rows], None, bare, analysis.log_g[rows], observed
        ).evaluator
        for rows, observed in zip(batch.toys, batch.observed.cpu().numpy(), strict=True)
    ]

    def engine() -> np.ndarray:
        together = zip(data, *points, strict=True)
        return np.array([evaluator.expand(place, pulls, GRADIENT).gradient for evaluator, place, pulls in together])

    difference = np.abs(batch.gradient(kappa, alpha).numpy() - engine()).max()
    assert difference < 1e-2, difference

    ours = common.seconds(engine, least=2.0)
    device = torch.cuda.get_device_name() if given.device == "cuda" else given.device
    print(f"{given.toys} toys, value and gradient, ns per event, process and nuisance parameter:")
    print(f"  torch on {device}: {1e9 * batched / batch.units:.3g}")
    print(f"  engine on one core: {1e9 * ours / batch.units:.3g}, with the calls from Python")


if __name__ == "__main__":
    main()
