"""What is said about a run: the host is there for translations alone."""

from __future__ import annotations

import pytest

from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.report.table import OrganRow


@pytest.fixture
def sentences(quiet_host):
    from MISTKDSegmentLib.slicer.panel import sentences
    return sentences


@pytest.mark.parametrize(("seconds", "said"), [
    (0.2, "1 s"), (4.4, "4 s"), (59.4, "59 s"), (59.6, "1 min"), (78.0, "1 min 20 s"), (119.0, "2 min"),
    (700.0, "12 min"),
])
def test_durations_are_as_exact_as_they_are_known(sentences, seconds, said):
    assert sentences.duration(seconds) == said


def test_the_progress_bar_gives_percent_and_time_left(sentences):
    assert sentences.progress(62, 4.2) == "62 %, about 4 s left"
    assert sentences.progress(0, 130.0) == "0 %, about 2 min 10 s left"


def test_each_stage_of_a_run_has_its_sentence(sentences):
    said = [sentences.working(*stage) for stage in ((0, 0), (0, 150), (37, 150), (150, 150))]
    assert said[0] == "Starting the model…"
    assert said[2].startswith("37 of 150 slices, from the feet upwards") and "as they are found" in said[2]
    assert said[3] == "Making the segmentation…"
    assert sentences.working(37, 150, False) == "37 of 150 slices: the organs appear at the end."


def test_the_end_says_what_was_found_and_what_to_look_at(sentences):
    liver, spleen = (label for label in ABDOMEN_LABELS if label.name in ("liver", "spleen"))
    found = OrganRow(liver, 1500.0, 100.0, 10, False)
    lost = OrganRow(spleen, 0.0, None, 0, False)
    assert sentences.finished([found], 12.4) == "Done in 12 s: 1 of 1 organs found."
    assert sentences.finished([found, lost], 12.4) == (
        "Done in 12 s: 1 of 2 organs found. Check these against the scan: Spleen.")
    cut = OrganRow(liver, 1500.0, 100.0, 10, True)
    assert sentences.finished([cut], 12.4) == "Done in 12 s: 1 of 1 organs found. Cut off: Liver."


def test_long_words_may_break_and_nothing_else_changes(sentences):
    path = "/home/somebody/.config/a_folder_with_quite_a_long_name/model.onnx"
    said = sentences.breakable(f"{path} cannot be read.")
    assert said.replace("\u200b", "") == f"{path} cannot be read."
    assert max(map(len, said.replace(" ", "\u200b").split("\u200b"))) <= 13
    assert sentences.breakable("Ready to segment all 8 organs.") == "Ready to segment all 8 organs."


def test_a_segmentation_that_was_spared_is_named(sentences):
    assert sentences.spared("Organs of June").startswith("The segmentation Organs of June belongs to another volume")
