import pytest

from steelyard.runtime.packing import packs


def test_a_member_a_job_is_one_rule_with_a_wildcard():
    (pack,) = packs(100, 1)
    assert (pack.members, pack.label, pack.suffix) == (("{member}",), "{member}", "")


def test_packs_are_named_by_their_members_and_the_first_one_by_the_stage():
    first, second, last = packs(9, 4)
    assert (first.members, first.label, first.suffix) == (("0", "1", "2", "3"), "0-3", "")
    assert (second.members, second.label, second.suffix) == (("4", "5", "6", "7"), "4-7", "_4")
    assert (last.members, last.label, last.suffix) == (("8",), "8", "_8")


@pytest.mark.parametrize(("members", "per_job"), [(1, 2), (20, 20), (100, 7), (101, 20)])
def test_every_member_is_in_one_pack(members, per_job):
    found = [member for pack in packs(members, per_job) for member in pack.members]
    assert found == [str(member) for member in range(members)]


def test_more_members_leave_the_full_packs_as_they_are():
    assert list(packs(120, 8))[:12] == list(packs(100, 8))[:12]
