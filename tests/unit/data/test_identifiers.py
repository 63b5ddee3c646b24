import numpy as np
import pytest
from scipy import stats

from steelyard.data import identifiers
from steelyard.data.identifiers import Split, event_ids, folds, is_training, is_unseen, poisson_weights, trains

N = 200_000
HELD_OUT = Split("held_out", 0.3, 5)
CROSS_FIT = Split("cross_fit", 0.5, 5)
# Fixed identifiers make these tests deterministic; the levels are those of a test that fails once in 10⁴ otherwise.
RARE = 1e-4


@pytest.fixture(scope="module")
def ids():
    return event_ids("gg", [np.arange(N)])


def chi2_probability(counts, expected):
    return stats.chi2.sf(((counts - expected) ** 2 / expected).sum(), len(counts) - 1)


def test_the_hash_is_splitmix64():
    # The first outputs of SplitMix64 with the seed 1234567, as published with the algorithm's reference code.
    states = np.uint64(1234567) + np.arange(1, 4, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert identifiers._mix(states).tolist() == expected


def test_identifiers_and_all_that_is_keyed_by_them_are_stable():
    # Stored samples, splits and trainings rely on these values: a change of any is a break with every earlier run.
    ids = event_ids("gg", [np.array([0, 1, 2**40])])
    assert ids.dtype == np.uint64
    assert ids.tolist() == [14124829083440494058, 15406967826013796112, 17905291458867973795]
    assert event_ids("observed", [np.array([7, 7]), np.array([-1, 3])]).tolist() == [
        11570582148774404847,
        17687573547635819283,
    ]
    assert identifiers.uniform(ids, "split").tolist() == [0.22410196030755192, 0.5700358696713299, 0.5924092262172237]
    assert folds(ids, 5).tolist() == [0, 4, 3]
    assert poisson_weights(ids, 0).tolist() == [0, 3, 1]


def test_identifiers_do_not_depend_on_the_integer_type():
    values = [0, 5, 100]
    expected = event_ids("gg", [np.array(values, dtype=np.uint64)])
    for kind in (np.uint8, np.int16, np.int32, np.uint32, np.int64, np.dtype(">i4"), np.dtype(">u8")):
        np.testing.assert_array_equal(event_ids("gg", [np.array(values, dtype=kind)]), expected)
    negative = [event_ids("gg", [np.array([-1], dtype=kind)])[0] for kind in (np.int8, np.int32, np.int64)]
    assert len(set(negative)) == 1


def test_identifiers_of_one_scope_and_column_never_collide(ids):
    assert len(np.unique(ids)) == N


def test_identifiers_depend_on_scope_and_order_of_columns():
    run, event = np.array([1, 2]), np.array([2, 1])
    ids = event_ids("gg", [run, event])
    assert ids[0] != ids[1]
    assert not np.any(ids == event_ids("qqZZ", [run, event]))
    np.testing.assert_array_equal(ids[::-1], event_ids("gg", [event, run]))


def test_identifiers_are_made_of_integers():
    with pytest.raises(TypeError, match="float64"):
        event_ids("gg", [np.array([1.0])])
    with pytest.raises(ValueError, match="at least one column"):
        event_ids("gg", [])


@pytest.mark.parametrize("salt", ["split", "fold", "hard-label", "bootstrap-0", "bootstrap-1"])
def test_uniform_is_uniform(ids, salt):
    numbers = identifiers.uniform(ids, salt)
    assert numbers.dtype == np.float64
    assert numbers.min() >= 0 and numbers.max() < 1
    counts = np.histogram(numbers, bins=200, range=(0, 1))[0]
    assert RARE < chi2_probability(counts, N / 200) < 1 - RARE
    # Neighbouring event numbers must not give neighbouring numbers either.
    correlation = np.corrcoef(numbers[1:], numbers[:-1])[0, 1]
    assert abs(correlation) < 4 / np.sqrt(N)


@pytest.mark.parametrize("pair", [("split", "fold"), ("split", "hard-label"), ("bootstrap-0", "bootstrap-1")])
def test_different_salts_are_independent(ids, pair):
    first, second = (identifiers.uniform(ids, salt) for salt in pair)
    counts = np.histogram2d(first, second, bins=20, range=[(0, 1), (0, 1)])[0].ravel()
    assert RARE < chi2_probability(counts, N / 400) < 1 - RARE


def test_every_bit_of_an_event_number_changes_half_of_the_bits(ids):
    for bit in range(40):
        flipped = event_ids("gg", [np.arange(2000) ^ (1 << bit)])
        changed = np.bitwise_count(flipped ^ ids[:2000])
        assert abs(changed.mean() - 32) < 5 * 4 / np.sqrt(2000)  # 64 bits of p = 1/2: a standard deviation of 4


def test_bootstrap_counts_are_poisson(ids):
    counts = poisson_weights(ids, 3)
    assert abs(counts.mean() - 1) < 4 / np.sqrt(N)
    assert abs(counts.var() - 1) < 4 * np.sqrt(3 / N)  # fourth central moment 4
    observed = np.bincount(np.minimum(counts, 6), minlength=7)
    expected = N * np.append(stats.poisson.pmf(np.arange(6), 1), stats.poisson.sf(5, 1))
    assert chi2_probability(observed, expected) > RARE


def test_bootstrap_replicas_are_independent(ids):
    correlation = np.corrcoef(poisson_weights(ids, 0), poisson_weights(ids, 1))[0, 1]
    assert abs(correlation) < 4 / np.sqrt(N)


def test_folds_are_balanced(ids):
    counts = np.bincount(folds(ids, 7), minlength=7)
    assert len(counts) == 7
    assert chi2_probability(counts, N / 7) > RARE


def test_held_out_sides_are_complementary_and_of_the_fraction_asked_for(ids):
    training = is_training(ids, HELD_OUT)
    np.testing.assert_array_equal(is_unseen(ids, HELD_OUT), ~training)
    assert abs(training.mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / N)
    for member in (0, 1):
        np.testing.assert_array_equal(trains(ids, HELD_OUT, member), training)


def test_a_larger_fraction_keeps_the_events_that_already_trained(ids):
    larger = is_training(ids, Split("held_out", 0.5, 5))
    assert np.all(larger[is_training(ids, HELD_OUT)])


def test_cross_fitted_members_leave_out_their_fold(ids):
    assert is_training(ids, CROSS_FIT).all() and is_unseen(ids, CROSS_FIT).all()
    left_out = np.array([~trains(ids, CROSS_FIT, member) for member in range(10)])
    np.testing.assert_array_equal(left_out.sum(axis=0), 2)  # by two of ten members, member m and m + 5
    np.testing.assert_array_equal(left_out[7], folds(ids, 5) == 2)


@pytest.mark.parametrize("split", [HELD_OUT, CROSS_FIT])
def test_an_event_is_on_one_side_in_every_sample_of_its_scope(split):
    rng = np.random.default_rng(1)
    nominal, shifted = rng.permutation(1000), rng.permutation(np.arange(500, 1500))
    sides = [
        dict(zip(events, trains(event_ids("gg", [events]), split, 1), strict=True)) for events in (nominal, shifted)
    ]
    assert all(sides[0][event] == sides[1][event] for event in range(500, 1000))


def test_a_split_of_another_kind_is_refused(ids):
    with pytest.raises(ValueError, match="held-out"):
        is_training(ids, Split("held-out", 0.5, 5))


def test_the_plain_split_is_that_of_the_configuration():
    from steelyard.configuration.schema import Split as Configured

    assert Split.of(Configured(method="cross_fit", folds=6)) == Split("cross_fit", 0.5, 6)
