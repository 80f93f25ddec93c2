"""What can be used when, and why not: the host is there for translations alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

CONTROLS = {"inputVolumeSelector", "modelComboBox", "addModelButton", "segmentationSelector", "organList",
            "allOrgansButton", "noOrgansButton", "segmentButton", "resultsTable", "copyButton", "exportButton",
            "show3dButton", "threadsSpinBox", "sliceStepSpinBox", "postprocessCheckBox", "previewCheckBox",
            "useRoiCheckBox", "roiSelector", "newRoiButton", "installButton", "editButton", "opacitySlider"}


@pytest.fixture
def state(quiet_host):
    from MISTKDSegmentLib.slicer.panel import state
    return state


@pytest.fixture
def ready(state):
    return state.Situation(organs_ticked=8, organs_known=8)


def test_a_ct_a_model_and_one_organ_are_enough_for_a_run(state, ready):
    assert state.why_not(replace(ready, organs_ticked=1)) is None


def test_the_volume_is_spoken_of_first(state, ready):
    lacking = replace(ready, volume_problem="No volume.", model_problem="No model.", organs_ticked=0)
    assert state.why_not(lacking) == "No volume."
    assert state.why_not(replace(lacking, volume_problem=None)) == "No model."
    assert state.why_not(replace(lacking, volume_problem=None, model_problem=None)) == "Tick at least one organ."


def test_a_region_is_missed_only_where_it_is_to_be_used(state, ready):
    assert "region" in state.why_not(replace(ready, use_roi=True))
    assert state.why_not(replace(ready, use_roi=True, has_roi=True)) is None


def test_a_preview_asks_for_no_region(state, ready):
    assert state.why_disabled(replace(ready, use_roi=True))["previewCheckBox"] is None
    assert state.why_no_preview(replace(ready, organs_ticked=0)) == "Tick at least one organ."


def test_every_control_is_decided_in_every_situation(state, ready):
    for situation in (ready, replace(ready, running=True), state.Situation()):
        assert set(state.why_disabled(situation)) == CONTROLS


def test_a_run_locks_every_choice_but_not_cancel_and_the_results(state, ready):
    reasons = state.why_disabled(replace(ready, running=True, has_rows=True, has_segments=True))
    free = {name for name, reason in reasons.items() if reason is None}
    assert free == {"segmentButton", "resultsTable", "copyButton", "exportButton", "show3dButton", "editButton",
                    "opacitySlider"}
    assert "run is under way" in reasons["inputVolumeSelector"]


def test_cancel_works_even_where_no_new_run_could_start(state, ready):
    gone = replace(ready, running=True, volume_problem="The volume is gone.")
    assert state.why_disabled(gone)["segmentButton"] is None


def test_the_segment_button_gives_the_sentence_of_the_status_line(state):
    empty = state.Situation(volume_problem="No volume is chosen.")
    assert state.why_disabled(empty)["segmentButton"] == state.status_when_idle(empty) == "No volume is chosen."


def test_results_can_be_used_once_there_are_any(state, ready):
    assert "no results yet" in state.why_disabled(ready)["copyButton"]
    assert state.why_disabled(replace(ready, has_rows=True))["exportButton"] is None
    assert "no organ to show" in state.why_disabled(ready)["show3dButton"]
    for name in ("show3dButton", "editButton", "opacitySlider"):
        assert state.why_disabled(replace(ready, has_segments=True))[name] is None


def test_a_region_can_be_chosen_once_the_restriction_is_ticked(state, ready):
    assert "Tick" in state.why_disabled(ready)["roiSelector"]
    assert state.why_disabled(replace(ready, use_roi=True))["roiSelector"] is None
    no_volume = replace(ready, use_roi=True, volume_problem="No volume is chosen.")
    assert state.why_disabled(no_volume)["newRoiButton"] == "No volume is chosen."


def test_organs_of_a_damaged_model_cannot_be_ticked(state, ready):
    reasons = state.why_disabled(replace(ready, model_problem="The model is damaged."))
    assert {reasons[name] for name in ("organList", "allOrgansButton", "noOrgansButton", "segmentButton")} == {
        "The model is damaged."}
    assert reasons["modelComboBox"] is None


def test_the_status_line_counts_the_organs(state, ready):
    assert state.status_when_idle(ready) == "Ready to segment all 8 organs."
    assert state.status_when_idle(replace(ready, organs_ticked=3)) == "Ready to segment 3 of 8 organs."
