import copy

import pytest
import torch

from steelyard.errors import ConfigurationError
from steelyard.ratios.architectures.architecture import ARCHITECTURES, Design
from steelyard.ratios.members import build
from steelyard.ratios.network import Network


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def test_output_is_one_unbounded_logit_per_event():
    network = Network(3, Design.of(hidden=[8, 8]), generator=generator())
    features = 1e4 * torch.randn(50, 3, generator=generator(2))
    output = network(features)
    assert output.shape == (50,)
    assert output.dtype == torch.float32
    assert output.abs().max() > 1  # a sigmoid would stay below


ACTIVATIONS = {"silu": torch.nn.SiLU, "relu": torch.nn.ReLU, "gelu": torch.nn.GELU, "tanh": torch.nn.Tanh}


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_forward_is_the_documented_formula(activation):
    network = Network(2, Design.of(hidden=[5], activation=activation), generator=generator())
    network.mean.copy_(torch.tensor([1.0, -2.0]))
    network.scale.copy_(torch.tensor([2.0, 0.5]))
    x = torch.randn(7, 2, generator=generator(3))
    first, _, last = network.layers
    scaled = (x - torch.tensor([1.0, -2.0])) / torch.tensor([2.0, 0.5])
    expected = ACTIVATIONS[activation]()(scaled @ first.weight.T + first.bias) @ last.weight.T + last.bias
    torch.testing.assert_close(network(x), expected.squeeze(1))


def test_initial_weights_come_from_the_given_generator_only():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, second, other = (Network(4, Design.of(hidden=[6]), generator=generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.layers[0].weight, other.layers[0].weight)
    assert first.layers[0].weight.abs().max() <= 0.5  # 1/sqrt(4)
    assert first.layers[0].weight.std() > 0.2  # uniform in ±0.5 has 0.29


def test_zero_output_means_no_difference_but_still_learns():
    network = Network(4, Design.of(hidden=[6, 6]), zero_output=True, generator=generator())
    features = torch.randn(20, 4, generator=generator(2))
    assert torch.equal(network(features), torch.zeros(20))
    network(features).sum().backward()
    assert network.layers[-1].weight.grad.abs().sum() > 0


def test_standardise_centres_and_scales_the_inputs_of_the_first_layer():
    features = torch.randn(100_000, 2, generator=generator()) * torch.tensor([1e-3, 20.0]) + torch.tensor([5.0, -3e3])
    network = Network(2, Design.of(hidden=[4]), generator=generator())
    network.standardise(features)
    scaled = (features - network.mean) / network.scale
    # float32 subtraction of 3000 leaves 1e-4/20 per event, not in the mean of 1e5 of them
    assert scaled.double().mean(dim=0).abs().max() < 1e-3
    assert (scaled.double().std(dim=0) - 1).abs().max() < 1e-3


def test_standardise_survives_a_constant_feature():
    features = torch.stack([torch.randn(1000, generator=generator()), torch.full((1000,), 0.1)], dim=1)
    network = Network(2, Design.of(hidden=[4]), generator=generator())
    network.standardise(features)
    assert network.scale[1] == 1
    assert torch.isfinite(network(features)).all()


def test_rebuilt_from_plain_data_with_the_same_output():
    network = Network(3, Design.of(hidden=[5, 4], activation="tanh"), generator=generator())
    network.standardise(torch.randn(100, 3, generator=generator(2)) * 7)
    architecture = network.architecture()
    options = {"hidden": [5, 4], "activation": "tanh"}
    assert architecture == {"name": "perceptron", "inputs": 3, "options": options}
    rebuilt = build(copy.deepcopy(architecture), network.state_dict())
    x = torch.randn(10, 3, generator=generator(4))
    assert torch.equal(rebuilt(x), network(x))
    assert not rebuilt.training


def test_state_of_another_architecture_is_refused():
    state = Network(3, Design.of(hidden=[5])).state_dict()
    with pytest.raises(RuntimeError):
        build({"name": "perceptron", "inputs": 3, "options": {"hidden": [6], "activation": "silu"}}, state)


@pytest.mark.parametrize("options", [{"hidden": [0]}, {"hidden": []}, {"activation": "sigmoid"}, {"widths": [4]}])
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Design.of(**options)


def test_no_inputs_and_an_unknown_architecture_are_refused():
    with pytest.raises(ValueError, match="a network needs inputs, found 0"):
        Network(0, Design.of())
    with pytest.raises(ConfigurationError, match="no architecture 'percepton'; did you mean 'perceptron'"):
        Design.of("percepton")


def test_a_file_that_names_no_architecture_has_a_perceptron():
    network = Network(3, Design.of(hidden=[5]), generator=generator())
    old = build({"inputs": 3, "hidden": [5], "activation": "silu"}, network.state_dict())
    x = torch.randn(10, 3, generator=generator(4))
    assert torch.equal(old(x), network(x))
    assert old.architecture() == network.architecture()


class Other:
    """An architecture with a layer that draws random numbers by itself."""

    Options = ARCHITECTURES.load("perceptron").Options
    end = torch.nn.Linear

    @classmethod
    def layers(cls, chosen, inputs, outputs):
        first = torch.nn.PReLU()
        first.weight.data.uniform_()
        return torch.nn.Sequential(first, cls.end(inputs, outputs))


def test_other_layers_are_reproducible_and_leave_global_random_numbers_alone(monkeypatch):
    monkeypatch.setattr(type(ARCHITECTURES), "load", lambda self, name: Other)
    before = torch.random.get_rng_state()
    first, second, other = (Network(4, Design.of(), generator=generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    for mine, same, another in zip(first.parameters(), second.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, same) and not torch.equal(mine, another)


def test_layers_that_do_not_end_in_a_linear_one_are_refused(monkeypatch):
    monkeypatch.setattr(type(ARCHITECTURES), "load", lambda self, name: Other)
    monkeypatch.setattr(Other, "end", lambda inputs, outputs: torch.nn.Identity())
    with pytest.raises(ValueError, match=r"ends in Identity\(\); a network needs an nn.Linear there"):
        Network(4, Design.of())
