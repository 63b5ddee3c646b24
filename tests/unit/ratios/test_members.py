import numpy as np
import pytest
import torch
from gaussians import CROSS_FIT

from steelyard.errors import InputError
from steelyard.ratios.architectures.architecture import Design
from steelyard.ratios.members import Member, fingerprint, from_plain, load, read_torch, save, to_plain
from steelyard.ratios.network import Network


def member():
    network = Network(2, Design.of(hidden=[4], activation="tanh"), generator=torch.Generator().manual_seed(1))
    return Member(
        ratio="S",
        member=7,
        features=("x", "y"),
        architecture=network.architecture(),
        state=network.state_dict(),
        split=CROSS_FIT,
        seen={"gg": {"events": 12, "sum": 2**64 - 1}},
        training={"hidden": [4], "epochs": 3},
        bootstrap=True,
        seed=2**64 - 3,
        versions={"torch": "2"},
        recipe="abc",
    )


def assert_plain(value):
    if isinstance(value, dict):
        assert all(type(key) is str for key in value)
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            assert_plain(item)
    else:
        assert type(value) in (str, int, float, bool, torch.Tensor)


def test_round_trip_through_a_file(tmp_path):
    original = member()
    save(original, tmp_path / "network.pt")
    found = load(tmp_path / "network.pt")
    for name in ("ratio", "member", "features", "architecture", "split", "seen", "bootstrap", "seed", "versions"):
        assert getattr(found, name) == getattr(original, name)
    x = torch.randn(5, 2)
    assert torch.equal(found.network()(x), original.network()(x))


def test_file_is_plain_data_for_any_reader(tmp_path):
    save(member(), tmp_path / "network.pt")
    assert_plain(torch.load(tmp_path / "network.pt", weights_only=True))


def test_same_member_same_bytes_whatever_the_name(tmp_path):
    save(member(), tmp_path / "one.pt")
    save(member(), tmp_path / "another.pt")
    assert (tmp_path / "one.pt").read_bytes() == (tmp_path / "another.pt").read_bytes()


def test_plain_data_do_not_change_with_the_network():
    original = member()
    plain = to_plain(original)
    original.state["layers.0.weight"].zero_()
    assert from_plain(plain).state["layers.0.weight"].abs().sum() > 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"not a network", "does not hold a trained network"),
        ({"format": 99}, "format 99, this version reads 2"),
        ({"format": 2}, "not a trained network"),
        ({"format": 2, "member": {"ratio": "S"}}, "not a trained network"),
        ({"state": torch.nn.Linear(1, 1)}, "does not hold a trained network"),
    ],
)
def test_other_files_are_one_clear_error(tmp_path, content, message):
    path = tmp_path / "network.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(InputError, match=message):
        load(path)


def test_error_says_what_the_file_should_hold(tmp_path):
    with pytest.raises(InputError, match="it should hold an ensemble"):
        read_torch(tmp_path / "missing.pt", "an ensemble", 1)


def test_fingerprint_sees_every_change_of_the_events_but_not_their_order():
    ids = np.random.default_rng(1).integers(0, 2**64, 1000, dtype=np.uint64)
    assert fingerprint(ids) == fingerprint(ids[::-1])
    assert fingerprint(ids) != fingerprint(ids[1:])
    changed = ids.copy()
    changed[5] += np.uint64(1)
    assert fingerprint(ids) != fingerprint(changed)
    assert fingerprint(ids)["sum"] == sum(ids.tolist()) % 2**64
