"""The whole main job on the tiny analysis: every rule runs, and what comes out keeps the contract."""

import json

import numpy as np
import yaml


def test_a_second_run_has_nothing_to_do(finished_workspace):
    workspace, _ = finished_workspace
    again = workspace.snakemake()
    assert again.code == 0 and "Nothing to be done" in again.text


def test_the_run_ends_with_the_result_as_a_table(finished_workspace):
    _, first = finished_workspace
    assert "NSBI, Neyman construction" in first.text and "checks:" in first.text


def test_the_summary_keeps_the_contract(finished_workspace):
    workspace, _ = finished_workspace
    summary = json.loads((workspace.results / "summary.json").read_text())
    assert set(summary) - {"advice"} == {"version", "analysis", "parameter", "results", "checks", "simulation"}
    assert set(summary["results"]) == {"asimov", "observed"}
    for result in summary["results"].values():
        assert {"hat", "levels", "significance", "baselines"} <= set(result)
        assert {"histograms", "fit", "searched", "scanned", "bounds"} <= set(result)
        assert set(result["levels"]) == {"0.6827", "0.9545"}
        for sets in result["levels"].values():
            for method in ("neyman", "asymptotic", "oracle", "oracle_asymptotic"):
                assert all(low <= high for low, high in sets[method])
                assert len(sets["ends"][method]) == len(sets[method])
        assert set(result["baselines"]) == {"m4l", "discriminant", "parameterised"}
        evidence = result["significance"]
        assert {"neyman", "asymptotic", "oracle", "headline", "learned", "exact"} <= set(evidence)
        assert 0.0 < evidence["learned"]["p_value"][0] <= 1.0 and evidence["learned"]["toys"] == 60
    expected = summary["results"]["asimov"]["significance"]
    assert expected["expected"]["toys"] == expected["expected_exact"]["toys"] == 60
    assert "expected" not in summary["results"]["observed"]["significance"]
    assert {check["status"] for check in summary["checks"]} <= {"PASS", "WARN", "FAIL"}


def test_events_are_judged_by_networks_that_did_not_train_on_them(finished_workspace):
    workspace, _ = finished_workspace
    from steelyard.data.identifiers import Split, is_training

    for sample in ("gg", "qqZZ"):
        ids = np.load(workspace.results / "samples" / sample / "ids.npy")
        training = is_training(ids, Split("held_out", 0.5, 5))
        for ratio in ("S", "SBI", "B", "NI"):
            unseen = np.load(workspace.results / "scores" / sample / f"{ratio}.unseen.npy")
            np.testing.assert_array_equal(np.isnan(unseen), training)


def test_variations_are_judged_by_networks_that_did_not_train_on_them(finished_workspace):
    workspace, _ = finished_workspace
    from steelyard.data.identifiers import Split, is_training

    for sample in ("gg", "qqZZ"):
        training = is_training(np.load(workspace.results / "samples" / sample / "ids.npy"), Split("held_out", 0.5, 5))
        for systematic in ("gg_scale", "lepton_scale"):
            scores = np.load(workspace.results / "scores" / sample / "systematics" / f"{systematic}.npy")
            assert scores.shape == (len(training), 2)
            np.testing.assert_array_equal(np.isnan(scores).any(axis=1), training)


def test_nuisance_parameters_are_ranked_learned_and_exact(finished_workspace):
    workspace, _ = finished_workspace
    for likelihood in ("", "oracle/"):
        found = json.loads((workspace.results / likelihood / "impacts" / "asimov.json").read_text())
        assert {impact["name"] for impact in found["impacts"]} == {"lumi", "gg_scale", "lepton_scale"}
        assert found["valid"]
        for impact in found["impacts"]:  # Asimov data are what the model expects: no pull beyond the minimiser's EDM
            assert abs(impact["pull"]) < 0.1


def test_every_picture_has_a_pdf_and_the_configuration_is_kept(finished_workspace):
    workspace, _ = finished_workspace
    pictures = sorted((workspace.results / "plots").glob("*.png"))
    assert len(pictures) > 20
    assert all(picture.with_suffix(".pdf").stat().st_size > 1000 for picture in pictures)
    kept = yaml.safe_load((workspace.results / "configuration.yaml").read_text())
    assert kept["training"]["hidden"] == [16, 16]
    assert "numpy" in json.loads((workspace.results / "provenance.json").read_text())["versions"]


def test_nothing_half_written_and_no_checkpoint_is_left(finished_workspace):
    workspace, _ = finished_workspace
    left = [path for path in workspace.results.rglob("*") if path.is_file() and path.name.startswith(".")]
    assert not left
    assert not list((workspace.results / "checkpoints").rglob("*.ckpt"))


def test_the_report_is_one_page_that_starts_with_the_result(finished_workspace):
    workspace, _ = finished_workspace
    made = workspace.snakemake("--report", "report.html")
    assert made.code == 0, made.text[-3000:]
    page = (workspace.folder / "report.html").read_text()
    assert "confidence intervals on mu" in page


def test_results_are_the_same_bytes_again(finished_workspace, workspace):
    """Same configuration, same machine: same bytes, from the simulation to a trained network."""
    first, _ = finished_workspace
    targets = ["results/tiny/ratios/S/member-0/network.pt", "results/tiny/samples/qqZZ/features.npy"]
    again = workspace.snakemake(*targets)
    assert again.code == 0, again.text[-3000:]
    for target in targets:
        assert (workspace.folder / target).read_bytes() == (first.folder / target).read_bytes(), target
