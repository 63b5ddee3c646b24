"""The two problems with known densities of verdict_study.py: the embedded analysis, and a small analytic one.

A problem draws simulated samples, as they are after ingestion, and knows log p_c(x) of the events and the yields.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from steelyard.configuration.schema import load
from steelyard.data.identifiers import event_ids
from steelyard.data.store import Sample, SampleInfo
from steelyard.expressions.language import parse
from steelyard.model.coefficients import Coefficients
from steelyard.simulators.offshell4l.densities import log_densities, yields
from steelyard.simulators.offshell4l.draw import draw_sample

PROCESSES = ("S", "SBI", "B", "NI")
COEFFICIENTS = Coefficients(("mu",), ("mu - sqrt(mu)", "sqrt(mu)", "1 - sqrt(mu)", "1"), {"mu": 1.0})
BOUNDS = (0.0, 10.0)
CONFIGURATION = Path(__file__).parents[1] / "config" / "config.yaml"


def stored(name: str, features: np.ndarray, observables: np.ndarray, weights: np.ndarray, processes, scope) -> Sample:
    """A sample in memory, with the events numbered."""
    info = SampleInfo(
        name=name,
        processes=tuple(processes),
        features=tuple(map(str, range(features.shape[1]))),
        observables=tuple(map(str, range(observables.shape[1]))),
        n_read=len(weights),
        n_selected=len(weights),
        sum_weights=dict(zip(processes, weights.sum(axis=0).tolist(), strict=True)),
        sum_weights_squared=dict(zip(processes, (weights**2).sum(axis=0).tolist(), strict=True)),
        n_negative=dict.fromkeys(processes, 0),
        files=(),
    )
    ids = event_ids(f"{name}-{scope}", [np.arange(len(weights))])
    return Sample(info, features.astype(np.float32), observables.astype(np.float32), weights, ids)


class Embedded:
    """gg -> (H*) -> ZZ -> 4l with the features of config/config.yaml and without nuisance parameters; 1,074 events."""

    grid = np.linspace(0.0, 3.0, 61)

    def __init__(self) -> None:
        configuration = load(CONFIGURATION)
        self.variables = [(item.name, parse(item.expression)) for item in configuration.variables]
        self.features = [parse(item.expression) for item in configuration.features]
        self.yields = yields(PROCESSES)

    def draw(self, events: Sequence[int], seed: int, soft: bool) -> list[Sample]:
        """``events`` of the gg and of the qqZZ sample; the gg events have the weights of three processes either way,
        and hard labels are drawn of them in the training."""
        result = []
        for name, number in zip(("gg", "qqZZ"), events, strict=True):
            rng = np.random.default_rng([seed, number, len(name)])
            kinematics, weights = draw_sample(name, number, rng)
            columns = {column: kinematics[:, i].astype(float) for i, column in enumerate(_observables())}
            for variable, expression in self.variables:
                columns[variable] = expression.evaluate(columns)
            features = np.stack([expression.evaluate(columns) for expression in self.features], axis=1)
            processes = PROCESSES[:3] if name == "gg" else PROCESSES[3:]
            result.append(stored(name, features, kinematics, weights, processes, seed))
        return result

    def log_densities(self, observables: np.ndarray) -> np.ndarray:
        """log p_c(x), (N, 4)."""
        return log_densities(observables.astype(float), PROCESSES)


def _observables() -> Sequence[str]:
    from steelyard.simulators.offshell4l.constants import OBSERVABLES

    return OBSERVABLES


class Interference:
    r"""Three features in the unit cube, a signal amplitude that interferes with a part of the background.

    With x = (m, c, f) and e = 0.12,

    .. math:: A_S \propto e^{-(1-e)m}(1+e\cos\pi c)\,e^{i[3em(c-1/2)+2e\sin 2\pi f]}, \quad
              A_B \propto -e^{-m}(1+\tfrac{c-1/2}5+e\cos2\pi f), \quad
              A_2 \propto e^{-m}(1+\tfrac{c-1/2}5\cos2\pi f),

    SBI = |A_S + A_B|² + |A_2|², B = |A_B|² + |A_2|², S = |A_S|² with 3,000, 1,300 and 40,000 events in the three
    squares, and 40,000 events of a smooth density NI. Nearly coherent and of like shapes, so that t(mu) has a second
    minimum: t = 11.7 at 0, 2.6 at 0.1, 3.2 at 0.25, 5.9 at 1.5 and 27.9 at 2, of 80,500 expected events. With ``scale``
    all yields and all of t are smaller, with another contrast e the shapes are less alike.
    """

    grid = np.linspace(0.0, 2.5, 51)
    _cells = 80

    def __init__(
        self,
        scale: float = 1.0,
        contrast: float = 0.12,
        squares: Sequence[float] = (3000.0, 1300.0, 40000.0),
        smooth: float = 40000.0,
    ) -> None:
        self.scale, self._contrast, self._smooth = scale, contrast, smooth
        middles = (np.arange(self._cells) + 0.5) / self._cells
        cube = np.stack(np.meshgrid(middles, middles, middles, indexing="ij"), axis=-1).reshape(-1, 3)
        means = [np.mean(np.abs(amplitude) ** 2) for amplitude in _amplitudes(cube, contrast)]
        self._sizes = np.sqrt(np.array(squares) / means)
        intensities = self._rates(cube)
        self._totals = intensities.mean(axis=0)
        self._largest = 1.02 * intensities.max(axis=0)
        self.yields = scale * self._totals
        coefficients = COEFFICIENTS.at(COEFFICIENTS.coordinate.from_parameter(self.grid))
        t = []
        nominal = scale * intensities @ COEFFICIENTS.at(np.ones(1))[0]
        for row in coefficients:
            intensity = scale * intensities @ row
            t.append(2.0 * np.mean(intensity - nominal - nominal * np.log(intensity / nominal)))
        self.t = np.array(t)

    def _rates(self, x: np.ndarray) -> np.ndarray:
        """nu_c p_c(x) (N, 4) before the scale."""
        signal, box, other = (
            size * amplitude for size, amplitude in zip(self._sizes, _amplitudes(x, self._contrast), strict=True)
        )
        smooth = self._smooth * 2.0 * np.exp(-2.0 * x[:, 0]) / (1.0 - np.exp(-2.0)) * (1.0 + 0.2 * (x[:, 1] - 0.5))
        background = np.abs(other) ** 2
        return np.stack(
            [
                np.abs(signal) ** 2,
                np.abs(signal + box) ** 2 + background,
                np.abs(box) ** 2 + background,
                smooth,
            ],
            axis=1,
        )

    def draw(self, events: Sequence[int], seed: int, soft: bool) -> list[Sample]:
        """Hard: one sample a process, ``events`` of each. Soft: so many for each gg process in one sample with the
        weights of all three, drawn from the mean of their densities, and one of NI."""
        rng = np.random.default_rng([seed, sum(events)])
        numbers = dict(zip(PROCESSES, events, strict=True))
        kinematics = {process: self._draw(c, numbers[process], rng) for c, process in enumerate(PROCESSES)}
        if not soft:
            return [
                stored(name, x, x, np.full((len(x), 1), self.yields[c] / len(x)), [name], seed)
                for c, (name, x) in enumerate(kinematics.items())
            ]
        gg = np.concatenate([kinematics[process] for process in PROCESSES[:3]])
        p = np.exp(self.log_densities(gg))[:, :3]
        # The mixture that the numbers make is known: the weights are exact.
        shares = np.array([numbers[process] for process in PROCESSES[:3]], dtype=float)
        weights = self.yields[:3] * p / (p @ shares)[:, None]
        other = kinematics["NI"]
        return [
            stored("gg", gg, gg, weights, PROCESSES[:3], seed),
            stored("other", other, other, np.full((len(other), 1), self.yields[3] / len(other)), PROCESSES[3:], seed),
        ]

    def _draw(self, process: int, number: int, rng: np.random.Generator) -> np.ndarray:
        parts, found = [], 0
        while found < number:
            x = rng.random((2 * number, 3))
            parts.append(x[rng.random(len(x)) * self._largest[process] < self._rates(x)[:, process]])
            found += len(parts[-1])
        return np.concatenate(parts)[:number].astype(np.float32).astype(float)

    def log_densities(self, observables: np.ndarray) -> np.ndarray:
        """log p_c(x), (N, 4)."""
        return np.log(self._rates(observables.astype(float)) / self._totals)


def _amplitudes(x: np.ndarray, e: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    m, c, f = x.T
    phase = 3.0 * e * m * (c - 0.5) + 2.0 * e * np.sin(2.0 * np.pi * f)
    signal = np.exp(-(1.0 - e) * m) * (1.0 + e * np.cos(np.pi * c)) * np.exp(1j * phase)
    box = -np.exp(-m) * (1.0 + 0.2 * (c - 0.5) + e * np.cos(2.0 * np.pi * f))
    other = np.exp(-m) * (1.0 + 0.2 * (c - 0.5) * np.cos(2.0 * np.pi * f))
    return signal, box, other
