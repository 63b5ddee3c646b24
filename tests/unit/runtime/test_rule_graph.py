import pytest

from steelyard.runtime.rule_graph import page, read_graph, reduced, stages

MERMAID = """---
title: DAG
---
flowchart TB
	id0[all]
	id1[train]
	id2["read"]
	id3[combine]
	style id0 fill:#D95757
	id2 --> id1
	id1 --> id3
	id2 --> id3
	id3 --> id0
"""


def test_rules_and_arrows_are_read():
    rules, edges = read_graph(MERMAID)
    assert rules == ["all", "combine", "read", "train"]
    assert edges == {("read", "train"), ("train", "combine"), ("read", "combine"), ("combine", "all")}
    with pytest.raises(ValueError, match="no rule"):
        read_graph("Building DAG of jobs...")


def test_arrows_that_follow_from_others_go():
    edges = {("a", "b"), ("b", "c"), ("c", "d"), ("a", "c"), ("a", "d"), ("x", "d")}
    assert reduced(edges) == {("a", "b"), ("b", "c"), ("c", "d"), ("x", "d")}
    assert reduced(set()) == set()


def test_rules_are_framed_by_stage_in_order(tmp_path):
    (tmp_path / "late.smk").write_text("rule combine:\n    input: 1\nuse rule combine as again with:\n    input: 2\n")
    (tmp_path / "early.smk").write_text('rule read:\n    input: 1\nrule:\n  name:\n    f"train{pack.suffix}"\n')
    of = stages(sorted(tmp_path.glob("*.smk")))
    assert of == {"combine": "late", "again": "late", "read": "early", "train": "early"}
    text = page(["combine", "read", "train"], {("read", "train"), ("train", "combine")}, of, ["early", "late"])
    frames = [line.strip() for line in text.splitlines() if "subgraph" in line]
    assert frames == ["subgraph early_smk [early]", "subgraph late_smk [late]"]
    assert "  read --> train\n" in text and text.count("-->") == 2
