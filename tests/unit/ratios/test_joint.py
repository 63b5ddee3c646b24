"""One network for several processes: three unit Gaussians, whose log ratios are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from gaussians import CROSS_FIT, HELD_OUT, gaussian_samples, training_rule

from steelyard.data.event_densities import process_weights, reference_weights
from steelyard.data.identifiers import event_ids, folds, poisson_weights, trains
from steelyard.data.reference import mix_reference
from steelyard.data.reference_events import ReferenceEvents
from steelyard.data.store import Sample, SampleInfo
from steelyard.errors import ConfigurationError, InputError, ModelError
from steelyard.finite_simulation.member_ratios import member_ratios
from steelyard.ratios import joint, training
from steelyard.ratios.architectures.architecture import Design
from steelyard.ratios.ensembles import combine, combine_files, of_process, open_ensemble
from steelyard.ratios.evaluation import evaluate_group, evaluate_sample
from steelyard.ratios.hypotheses import joint_samples
from steelyard.ratios.joint import JointNetwork, families
from steelyard.ratios.members import build, load
from steelyard.ratios.network import cross_entropy
from steelyard.ratios.packs import train_members
from steelyard.ratios.training import train_member
from steelyard.ratios.training_data import JointSample, select

PROCESSES = ("a", "b", "c")
CENTRES = np.array([[-0.75, 0.0], [0.75, 0.0], [0.0, 1.0]])
MIXTURE = {"a": 0.5, "b": 0.3, "c": 0.2}


def log_densities(features):
    """log p_c (N, 3), up to one constant."""
    return -0.5 * ((features[:, None].astype(float) - CENTRES) ** 2).sum(axis=2)


def exact(features, mixture=MIXTURE):
    """log r_c (N, 3)."""
    logs = log_densities(features)
    return logs - np.log(np.exp(logs) @ [mixture.get(name, 0.0) for name in PROCESSES])[:, None]


def store(events, seed=1):
    """Events of equal numbers of all processes, each with the weights of all at its place."""
    rng = np.random.default_rng(seed)
    features = (rng.normal(size=(events, 2)) + CENTRES[np.arange(events) % 3]).astype(np.float32)
    weights = np.exp(log_densities(features))
    weights /= weights.sum(axis=1, keepdims=True)
    totals = dict(zip(PROCESSES, weights.sum(axis=0).tolist(), strict=True))
    info = SampleInfo("all", PROCESSES, ("x0", "x1"), (), events, events, totals, totals, totals, ())
    ids = event_ids("all", [np.arange(events)])
    return Sample(info, features, np.empty((events, 0), np.float32), weights, ids)


def mixed_reference(sample, mixture=MIXTURE, split=HELD_OUT, labels="soft"):
    made = mix_reference([sample], PROCESSES, None, split, {"all": labels})
    return replace(made, weights={name: mixture.get(name, 0.0) for name in PROCESSES})


def paths(folder, members):
    return [folder / f"member-{member}" / "network.pt" for member in members]


def train(folder, samples, members=(0,), split=HELD_OUT, bootstrap=False, **changes):
    """The files of the networks of the group."""
    networks = paths(folder, members)
    train_members(
        samples,
        network_paths=networks,
        curve_paths=[network.with_name("training.csv") for network in networks],
        checkpoint_folder=folder / "checkpoints",
        seed_of=lambda member: 20 + member,
        ratio="joint",
        features=("x0", "x1"),
        split=split,
        training=training_rule(**changes),
        bootstrap=bootstrap,
    )
    return networks


def ratios(network, features, mixture=MIXTURE):
    """log r (N, 3) by a file of the group."""
    member = load(network)
    with torch.no_grad():
        columns = [of_process(member, name, mixture).network()(torch.from_numpy(features)) for name in PROCESSES]
    return torch.stack(columns, dim=1).numpy()


@pytest.fixture(scope="module")
def sample():
    return store(24_000)


@pytest.fixture(scope="module")
def networks(sample, tmp_path_factory):
    """File of a network by its labels."""
    folder = tmp_path_factory.mktemp("joint")
    return {
        labels: train(
            folder / labels, joint_samples([sample], mixed_reference(sample, labels=labels), PROCESSES), epochs=8
        )[0]
        for labels in ("hard", "soft")
    }


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Two members of few events and epochs, and what they were trained with."""
    small = store(1500)
    samples = joint_samples([small], mixed_reference(small), PROCESSES)
    return small, samples, train(tmp_path_factory.mktemp("quick"), samples, (0, 1), epochs=2)


@pytest.fixture(scope="module")
def probe():
    """Events that no network has seen, where each of the densities has most of its own."""
    features = store(12_000, seed=9).features
    return features[np.abs(features).max(axis=1) < 2]


def initial(outputs=3, **choice):
    generator = torch.Generator().manual_seed(3)
    return JointNetwork(2, Design.of(hidden=[4]), generator=generator, processes=PROCESSES[:outputs], **choice).eval()


def test_loss_is_the_cross_entropy_of_soft_labels():
    network, x = initial(), torch.randn(50, 2)
    labels = torch.softmax(torch.randn(50, 3), dim=1)
    expected = torch.nn.functional.cross_entropy(network.raw(x), labels)
    torch.testing.assert_close(network.loss(x, *labels.unbind(1)), expected)


def families_of(columns, rows=4):
    """Families of processes by which of them each sample carries."""
    names = sorted(set("".join(columns)))
    return families([[np.full(rows, float(name in carried)) for name in names] for carried in columns])


def test_families_are_the_processes_of_common_events():
    assert families_of(["abc", "d"]) == ((0, 1, 2),)
    assert families_of(["ab", "c", "bd"]) == ((0, 1, 3),)
    assert families_of(["ac", "bd"]) == ((0, 2), (1, 3))
    assert families_of(["a", "b"]) == ()
    hard = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert families([hard]) == ()  # hard labels: each event of one sample is of one process


@pytest.mark.parametrize("own", [((0, 1),), ((2, 0),), ((0, 1, 2),)])
def test_the_loss_of_families_is_that_of_one_softmax_but_for_the_factor(own, monkeypatch):
    monkeypatch.setattr(joint, "WITHIN", 1.0)
    network, x = initial(families=own), torch.randn(50, 2)
    weights = torch.rand(50, 3)
    logs = torch.log_softmax(network.log_densities(network.raw(x)), dim=1)
    torch.testing.assert_close(network.loss(x, *weights.unbind(1)), -(weights * logs).sum(dim=1).mean())


def test_the_factor_within_families_does_not_move_the_minimum(monkeypatch):
    """Two places, events of a and b with the weights of both, and events of c: the gradient at the true densities."""
    p = torch.tensor([[0.2, 0.7, 0.4], [0.8, 0.3, 0.6]], dtype=torch.float64)  # p_c of both places
    places = torch.tensor([0, 0, 1, 1])
    weights = torch.stack([p[0] * torch.tensor([1, 1, 0]), p[0] * torch.tensor([0, 0, 1])] * 2)
    weights[2:] = torch.stack([p[1] * torch.tensor([1, 1, 0]), p[1] * torch.tensor([0, 0, 1])])
    network = initial(families=((0, 1),)).double()
    totals = (0.5 * (p[:, 0] + p[:, 1])).log()  # g + log 2 is the log of the sum
    outputs = torch.cat([p.log(), totals[:, None]], dim=1).requires_grad_()
    monkeypatch.setattr(network, "raw", lambda features: outputs[places])
    torch.testing.assert_close(network.log_densities(outputs), p.log())
    network.loss(torch.zeros(4, 2, dtype=torch.float64), *weights.unbind(1)).backward()
    torch.testing.assert_close(outputs.grad, torch.zeros_like(outputs), atol=1e-12, rtol=0)


@pytest.mark.parametrize("wrong", [((0,),), ((0, 3),), ((0, 1), (1, 2)), ((0, 0),)])
def test_impossible_families_are_refused(wrong):
    with pytest.raises(ValueError, match="families"):
        initial(families=wrong)


def test_a_family_beside_a_sample_of_its_own_gives_the_lines(tmp_path, probe):
    """a and b are weights of common events, c has a sample of its own: soft shares, and hard labels between them."""
    events, rng = 24_000, np.random.default_rng(4)
    places = (rng.normal(size=(events, 2)) + CENTRES[np.arange(events) % 3]).astype(np.float32)
    own = np.arange(events) % 3 == 2
    density = np.exp(log_densities(places))
    shares = np.where(own[:, None], 0.0, density[:, :2] / density[:, :2].sum(axis=1, keepdims=True))
    samples = [
        JointSample("ab", places[~own], event_ids("ab", [np.arange((~own).sum())]), columns(shares[~own], (0, 1))),
        JointSample("c", places[own], event_ids("c", [np.arange(own.sum())]), columns(np.ones((own.sum(), 1)), (2,))),
    ]
    (network,) = train(tmp_path, samples, epochs=8)
    assert load(network).joint["families"] == [[0, 1]]
    found, true = ratios(network, probe), exact(probe)
    error = (found - found.mean(axis=0)) - (true - true.mean(axis=0))
    # Within the family the labels have no noise, as of the soft ones above; between them they have that of hard ones.
    assert np.std(error[:, 0] - error[:, 1]) < 0.03
    assert np.std(error[:, 2] - error[:, 0]) < 0.12


def columns(weights, numbers):
    """Weights (N, n) of some processes as those of all."""
    result = {name: np.zeros(len(weights)) for name in PROCESSES}
    for number, column in zip(numbers, weights.T, strict=True):
        result[PROCESSES[number]] = column
    return result


def test_loss_of_two_processes_is_that_of_their_ratio():
    network, x = initial(2), torch.randn(50, 2)
    w1, w0 = torch.rand(50), torch.rand(50)
    first, second = network.raw(x).unbind(1)
    torch.testing.assert_close(network.loss(x, w1, w0), cross_entropy(first - second, w1, w0))


@pytest.mark.parametrize("own", [(), ((0, 2),), ((0, 1, 2),)])
def test_loss_of_nothing_learnt_is_that_of_equal_outputs(quick, own):
    _, samples, _ = quick
    rows = select(samples, HELD_OUT, 0, 0.2).training
    network = JointNetwork(2, Design.of(hidden=[4]), zero_output=True, processes=PROCESSES, families=own)
    assert network.loss(rows.features, *rows.weights).item() == pytest.approx(network.nothing_learnt, rel=1e-5)


def test_densities_of_the_group_have_equal_totals(quick):
    _, samples, _ = quick
    data = select(samples, HELD_OUT, 0, 0.2)
    assert data.processes == PROCESSES and data.net is None
    for rows in (data.training, data.validation):
        for weights in rows.weights:
            assert weights.double().sum().item() == pytest.approx(len(rows) / 3, rel=1e-6)


def lines(features, log_r):
    """Coefficients (3, 2) in x0, x1 and 1 of log p_b/p_a and log p_c/p_a, by least squares."""
    design = np.concatenate([features.astype(float), np.ones((len(features), 1))], axis=1)
    return np.linalg.lstsq(design, log_r[:, 1:] - log_r[:, :1], rcond=None)[0]


def line_errors(features):
    """Statistical errors of these by a multinomial classifier: the inverse of Σ (diag p − p pᵀ) ⊗ x xᵀ."""
    p = np.exp(exact(features, dict.fromkeys(PROCESSES, 1.0)))[:, 1:]
    design = np.concatenate([features.astype(float), np.ones((len(features), 1))], axis=1)
    covariance = np.einsum("ic,cd->icd", p, np.eye(2)) - p[:, :, None] * p[:, None, :]
    information = np.einsum("icd,ij,ik->cjdk", covariance, design, design).reshape(6, 6)
    return np.sqrt(np.diag(np.linalg.inv(information))).reshape(2, 3).T


def test_hard_labels_give_the_lines_within_their_statistical_error(tmp_path, probe):
    """Six times, other events and weights each: 36 pulls, partly correlated, whose rms is 1 ± 0.17."""
    pulls = []
    for seed in range(100, 106):
        sample = store(16_000, seed)
        samples = joint_samples([sample], mixed_reference(sample, labels="hard"), PROCESSES)
        found = lines(probe, ratios(train(tmp_path / str(seed), samples, epochs=8)[0], probe))
        errors = line_errors(sample.features[trains(sample.ids, HELD_OUT, 0)]) / np.sqrt(0.8)  # a fifth validates
        pulls.append((found - lines(probe, exact(probe))) / errors)
    assert np.all(np.abs(np.mean(pulls, axis=0)) < 4 / np.sqrt(6))
    assert 0.5 < np.sqrt(np.mean(np.square(pulls))) < 1.5


def test_soft_labels_beat_the_statistical_error_of_hard_ones(networks, probe):
    """rms of log r − exact, which the events' weights p_c/Σp_k determine but for the fit's own error."""
    rms = {name: np.sqrt(np.mean((ratios(path, probe) - exact(probe)) ** 2)) for name, path in networks.items()}
    assert rms["soft"] < rms["hard"] / 2
    assert rms["soft"] < 0.05


@pytest.mark.parametrize("labels", ["hard", "soft"])
def test_ratios_are_normalised_on_unseen_events(sample, networks, labels):
    """E_ref[r_c] = 1, with the error of that mean over the unseen and once more over the training events."""
    reference = mixed_reference(sample, labels=labels)
    (weights,) = reference_weights([sample], reference, "unseen")
    ratio = np.exp(ratios(networks[labels], sample.features).astype(float))
    mean = weights @ ratio
    assert np.all(np.abs(mean - 1) < 4 * np.sqrt(2 * weights**2 @ (ratio - mean) ** 2))


@pytest.mark.parametrize("mixture", [MIXTURE, {"a": 0.5, "c": 0.5}, {"b": 1.0}])
def test_the_mixture_of_the_ratios_is_one_in_every_event(networks, mixture):
    """Also far outside the training, where the outputs are what they are; another mixture needs no other network."""
    features = 30 * np.random.default_rng(1).normal(size=(2000, 2)).astype(np.float32)
    log_r = ratios(networks["soft"], features, mixture).astype(float)
    w = np.array([mixture.get(name, 0.0) for name in PROCESSES])
    assert np.isfinite(log_r).all() and log_r.min() < -20
    np.testing.assert_allclose(np.exp(log_r) @ w, 1.0, rtol=0, atol=1e-5)  # float32 of log r up to some tens
    assert np.all(log_r[:, w > 0] <= -np.log(w[w > 0]) + 1e-6)


def test_another_mixture_is_the_exact_one_too(networks, probe):
    mixture = {"a": 0.9, "b": 0.1}
    difference = ratios(networks["soft"], probe, mixture) - exact(probe, mixture)
    assert np.sqrt(np.mean(difference**2)) < 0.05


def test_cross_fitted_bootstrapped_members_from_the_store_to_the_scores(tmp_path):
    """The whole chain: E_ref[r_c] = 1 on the fold that each member left out; who trained on what is in the files."""
    sample = store(6000)
    reference = mixed_reference(sample, split=CROSS_FIT)
    samples = joint_samples([sample], reference, PROCESSES)
    networks = train(tmp_path, samples, (0, 1, 2, 3, 4), CROSS_FIT, bootstrap=True, epochs=4)
    data = select(samples, CROSS_FIT, 1, 0.2, bootstrap=True)
    counts = poisson_weights(sample.ids, 1)
    assert data.training.weights[0].max() > 1.5 * data.validation.weights[0].max() and counts.max() > 3
    files = {}
    for name in PROCESSES:
        files[name] = tmp_path / f"{name}.pt"
        combine_files(networks, "ratio", CROSS_FIT, files[name], process=name, mixture=reference.weights)
    ensembles = [open_ensemble(path) for path in files.values()]
    assert [ensemble.ratio for ensemble in ensembles] == list(PROCESSES)
    together, single = (
        evaluate_group(ensembles, sample, CROSS_FIT),
        [evaluate_sample(one, sample, CROSS_FIT) for one in ensembles],
    )
    for one, other in zip(together, single, strict=True):  # each network once, or once per process
        np.testing.assert_array_equal(one.unseen, other.unseen)
        np.testing.assert_array_equal(one.seen, other.seen)
    scores = np.stack([one.unseen for one in together], axis=1)
    rms = np.sqrt(np.mean((scores - exact(sample.features))[np.abs(sample.features).max(axis=1) < 2] ** 2))
    assert rms < 0.2  # bootstrapped, of four fifths of 6000 events
    (weights,) = reference_weights([sample], reference, "all")
    for member in range(5):
        left_out = folds(sample.ids, 5) == member
        ratio = np.exp(scores[left_out].astype(float))
        w = weights[left_out] / weights[left_out].sum()
        mean = w @ ratio
        # events of the fold, those of the training, and the bootstrap's fluctuation of these
        assert np.all(np.abs(mean - 1) < 4 * np.sqrt(1.5 * w**2 @ (ratio - mean) ** 2))


def test_the_order_of_the_processes_changes_nothing(quick, tmp_path):
    small, _, networks = quick
    turned = joint_samples([small], mixed_reference(small), ("c", "a", "b"))
    assert train(tmp_path, turned, epochs=2)[0].read_bytes() == networks[0].read_bytes()


def test_the_mixture_changes_no_network(quick, tmp_path):
    small, _, networks = quick
    other = joint_samples([small], mixed_reference(small, {"a": 1.0}), PROCESSES)
    assert train(tmp_path, other, epochs=2)[0].read_bytes() == networks[0].read_bytes()


def test_an_interrupted_training_ends_with_the_same_bytes(quick, tmp_path, monkeypatch):
    _, samples, networks = quick
    original = training.ResumePoint.on_train_epoch_end

    def die(self, trainer, module):
        original(self, trainer, module)
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(training.ResumePoint, "on_train_epoch_end", die)
        with pytest.raises(InterruptedError):
            train(tmp_path, samples, epochs=2)
    assert (tmp_path / "checkpoints" / "member-0.ckpt").exists()
    assert train(tmp_path, samples, epochs=2)[0].read_bytes() == networks[0].read_bytes()
    assert not (tmp_path / "checkpoints" / "member-0.ckpt").exists()


def test_a_file_holds_the_network_and_the_ratio(quick, tmp_path, probe):
    _, _, networks = quick
    member = load(networks[0])
    options = {"hidden": [16, 16], "activation": "silu"}
    plain = {"name": "perceptron", "inputs": 2, "options": options, "processes": list(PROCESSES)}
    plain["families"] = [[0, 1, 2]]  # soft labels: all densities lie on the same events
    assert (member.ratio, member.architecture) == ("joint", plain)
    combine_files(networks, "ratio", HELD_OUT, tmp_path / "b.pt", process="b", mixture=MIXTURE)
    found = open_ensemble(tmp_path / "b.pt")
    assert (found.ratio, found.networks) == ("b", PROCESSES)
    assert found.members[0].architecture == plain | {"mixture": [0.5, 0.3, 0.2], "target": "b"}
    with torch.no_grad():
        values = found.members[0].network()(torch.from_numpy(probe)).numpy()
    np.testing.assert_array_equal(values, ratios(networks[0], probe)[:, 1])
    trained = member.network()
    again = build(trained.architecture(), trained.state_dict())
    assert torch.equal(again.raw(torch.from_numpy(probe)), trained.raw(torch.from_numpy(probe)))


def test_members_of_one_network_are_known_as_such(quick):
    """Their scatter is that of all their ratios together, see test_simulation_error."""
    small, _, networks = quick
    members = [load(network) for network in networks]
    ensembles = [combine([of_process(one, name, MIXTURE) for one in members], "ratio", HELD_OUT) for name in PROCESSES]
    events = ReferenceEvents(np.full(100, 0.01), np.stack([np.zeros(100, dtype=int), np.arange(100)], axis=1))
    found = member_ratios(ensembles, [small], events, seed=1)
    assert found.networks == (PROCESSES,) * 3
    np.testing.assert_array_equal(found.log_r[2][1], ratios(networks[1], small.features[:100])[:, 2])


@pytest.mark.parametrize(
    ("processes", "mixture", "message"),
    [
        (("a", "b"), MIXTURE, r"found a, b; .*all of which the reference is made \(a, b, c\)"),
        (("a",), {"a": 1.0}, "found a; name at least two of a, b, c"),
        (("a", "b", "c", "d"), MIXTURE, "found a, b, c, d; name at least two of a, b, c, each once"),
        (("a", "b", "c", "c"), MIXTURE, "each once"),
        ((), MIXTURE, "found none"),
    ],
)
def test_a_group_without_the_reference_is_one_clear_error(quick, processes, mixture, message):
    small, _, _ = quick
    with pytest.raises(ConfigurationError, match=message):
        joint_samples([small], mixed_reference(small, mixture), processes)


def test_processes_outside_the_reference_may_be_in_the_group_or_not(quick):
    small, _, _ = quick
    reference = mixed_reference(small, {"a": 0.5, "b": 0.5})
    for processes in (PROCESSES, ("a", "b")):
        (rows,) = joint_samples([small], reference, processes)
        assert tuple(rows.classes) == processes
        for name, weights in rows.classes.items():
            np.testing.assert_array_equal(weights, process_weights([small], reference, name, "training")[0])


def test_negative_weights_are_one_clear_error(quick):
    small, _, _ = quick
    weights = small.weights.copy()
    weights[np.flatnonzero(trains(small.ids, HELD_OUT, 0))[:3], 1] *= -1
    wrong = Sample(small.info, small.features, small.observables, weights, small.ids)
    with pytest.raises(ModelError, match=r"process b, sample all: 3 of \d+ events .* take b out of `ensembles.joint`"):
        joint_samples([wrong], mixed_reference(wrong), PROCESSES)


def test_samples_of_other_processes_are_refused():
    ones = np.ones(4)
    arrays = np.ones((4, 1), np.float32), event_ids("all", [np.arange(4)])
    samples = [JointSample(name, *arrays, dict.fromkeys(names, ones)) for name, names in (("u", "ab"), ("v", "ac"))]
    with pytest.raises(InputError, match="sample v: weights of a, c, others of a, b"):
        select(samples, HELD_OUT, 0, 0.2)


@pytest.mark.parametrize(
    ("process", "mixture", "message"),
    [
        ("d", MIXTURE, "no ratio of d to a reference of a, b, c: it was not trained on d"),
        ("a", MIXTURE | {"d": 0.1, "e": 0.1}, "it was not trained on d, e; add what is missing"),
        ("a", {"a": 0.0}, "a reference of nothing"),
    ],
)
def test_a_ratio_of_what_was_not_trained_is_refused(quick, process, mixture, message):
    with pytest.raises(ModelError, match=message):
        of_process(load(quick[2][0]), process, mixture)


def test_members_of_other_mixtures_groups_or_kinds_do_not_mix(quick):
    small, _, networks = quick
    first, second = (load(network) for network in networks)
    for mine, other in (
        (of_process(first, "a", MIXTURE), of_process(second, "a", {"a": 0.5, "b": 0.5})),
        (of_process(first, "a", MIXTURE), replace(of_process(second, "b", MIXTURE), ratio="a")),
        (of_process(first, "a", MIXTURE), replace(second, ratio="a")),
    ):
        with pytest.raises(InputError, match=r"joint {.*} against {.*}; train them with one configuration"):
            combine([mine, other], "ratio", HELD_OUT)
    a, b = (combine([of_process(first, name, MIXTURE)], "ratio", HELD_OUT) for name in "ab")
    other = combine([of_process(second, "b", MIXTURE)], "ratio", HELD_OUT)
    assert len(evaluate_group([a, b], small, HELD_OUT)) == 2
    with pytest.raises(InputError, match="the ratios a and b are not of the same networks"):
        evaluate_group([a, other], small, HELD_OUT)
    own = replace(second, ratio="a", architecture={key: second.architecture[key] for key in ("name", "inputs")})
    with pytest.raises(InputError, match="is a network of this ratio alone"):
        of_process(own, "a", MIXTURE)


def test_a_network_without_a_target_gives_no_ratio():
    with pytest.raises(ModelError, match="once it has a target"):
        initial()(torch.zeros(1, 2))


@pytest.mark.parametrize(
    "choice",
    [
        {"processes": ("a",)},
        {"processes": ("a", "a")},
        {"processes": PROCESSES, "target": "a"},
        {"processes": PROCESSES, "target": "d", "mixture": (1.0, 0.0, 0.0)},
        {"processes": PROCESSES, "target": "a", "mixture": (1.0, 0.0)},
        {"processes": PROCESSES, "target": "a", "mixture": (-1.0, 1.0, 1.0)},
    ],
)
def test_impossible_choices_are_refused(choice):
    with pytest.raises(ValueError, match="found"):
        JointNetwork(2, Design.of(hidden=[4]), **choice)


def test_networks_of_their_own_are_what_they_were(tmp_path):
    """The digest that an earlier version gave to the same data and settings: nobody's networks train again."""
    train_member(
        gaussian_samples(3000),
        ratio="p1",
        member=0,
        features=("x0", "x1"),
        split=HELD_OUT,
        training=training_rule(epochs=1),
        bootstrap=False,
        seed=20,
        network_path=tmp_path / "network.pt",
        curve_path=tmp_path / "training.csv",
        checkpoint_path=tmp_path / "member-0.ckpt",
    )
    assert load(tmp_path / "network.pt").recipe == "5e8657a729c10169ec07b7b25441da82388d9468b33118aa2da90ff860f524c4"
