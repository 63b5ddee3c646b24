import numpy as np
import pytest

from steelyard.regions.binning import bin_index, effective_entries, histogram, merge_sparse, quantile_edges


def test_quantile_edges_hold_equal_weight():
    rng = np.random.default_rng(1)
    values, weights = rng.normal(size=50_000), rng.uniform(0, 2, size=50_000)
    edges = quantile_edges(values, 10, weights)
    content = histogram(bin_index(values, edges), weights, 10)
    # exact up to one event at each edge
    assert np.abs(content / weights.sum() - 0.1).max() < 2 * weights.max() / weights.sum()
    assert edges[0] == values.min() and edges[-1] == values.max()


def test_quantile_edges_of_a_large_sample_come_from_a_part_of_it():
    values = np.random.default_rng(2).uniform(size=450_000)
    edges = quantile_edges(values, 4)
    # every fourth event is used: standard deviation of a quantile sqrt(q(1-q)/112500) <= 0.0015
    assert np.abs(edges[1:-1] - [0.25, 0.5, 0.75]).max() < 4 * 0.0015


def test_repeated_values_make_fewer_bins():
    assert np.array_equal(quantile_edges(np.array([0.0, 0, 0, 0, 1, 1, 1, 2]), 8), [0, 1, 2])
    assert np.array_equal(quantile_edges(np.full(5, 3.0), 4), [3, 4])


def test_negative_weights_do_not_move_edges():
    values = np.arange(100.0)
    weights = np.where(values < 50, 1.0, -1.0)
    assert quantile_edges(values, 2, weights)[1] == 24.0


def test_no_events_or_no_weight_is_an_error():
    with pytest.raises(ValueError, match="need events"):
        quantile_edges(np.empty(0), 3)
    with pytest.raises(ValueError, match="positive weight"):
        quantile_edges(np.arange(3.0), 3, np.full(3, -1.0))


def test_events_outside_join_the_ends_or_overflow():
    values, edges = np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, np.nan]), np.array([0.0, 1.0, 2.0])
    assert np.array_equal(bin_index(values, edges, overflow=True), [2, 0, 0, 1, 1, 2, 2])
    assert np.array_equal(bin_index(values[:-1], edges), [0, 0, 0, 1, 1, 1])
    assert np.array_equal(histogram(bin_index(values, edges, overflow=True), np.ones(7), 2), [2, 2])


def test_float32_values_on_an_edge_fall_as_float64_ones():
    edges = np.array([0.0, 0.25, 1.0])
    assert bin_index(np.array([0.25], dtype=np.float32), edges)[0] == 1


def test_effective_entries():
    assert np.array_equal(effective_entries(np.array([4.0, 3.0, 0.0]), np.array([4.0, 5.0, 0.0])), [4.0, 1.8, 0.0])


def test_sparse_bins_are_merged_until_every_row_is_filled():
    sums = np.array([[30.0, 10, 10, 30, 5], [30.0, 30, 30, 30, 30]])
    assert np.array_equal(merge_sparse(sums, sums, 25.0), [0, 1, 1, 1, 1])
    assert np.array_equal(merge_sparse(sums[1:], sums[1:], 25.0), [0, 1, 2, 3, 4])
    assert np.array_equal(merge_sparse(sums[:1] / 100, sums[:1] / 100, 25.0), [0, 0, 0, 0, 0])
