"""The error of the expected t at one value of the parameter: what checks, advice and the summary share."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SimulationPoint:
    """The error of t at one value of mu, :class:`~steelyard.finite_simulation.simulation_error.SimulationError`.

    Attributes:
        name: ``lower bound``, ``other minimum``, ``maximum``, ``twice nominal`` or ``worst``.
        mu: the value of the parameter.
        t: the learned expected t.
        sigma_t: its error.
        allowance: what it may be: the larger of an absolute number and a fraction of t less its bias.
        bias: measured t minus the true one.
        bias_error: of it.
        events: from the training events of every sample, to first order.
        noise: mean of the second-order error from these.
        members: from the networks; absent with one member.
        reference: from the finite reference sample; absent where it was not given.
    """

    name: str
    mu: float
    t: float
    sigma_t: float
    allowance: float
    bias: float
    bias_error: float
    events: dict[str, float]
    noise: float
    members: float | None = None
    reference: float | None = None
