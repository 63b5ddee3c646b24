from steelyard.seeds import seed_for


def test_a_seed_depends_on_what_the_job_is_and_on_nothing_else():
    assert seed_for(1, "train", ratio="S", member=2) == seed_for(1, "train", member=2, ratio="S")
    seeds = {seed_for(m, s, ratio=r, member=k) for m in (1, 2) for s in ("a", "b") for r in "SB" for k in range(3)}
    assert len(seeds) == 24
    assert all(0 <= seed < 2**64 for seed in seeds)


def test_seeds_do_not_change_between_versions():
    assert seed_for(20250411, "throw_toys", point="1", batch=0) == 5105319532108192662
