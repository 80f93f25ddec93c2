"""Packages, sample data and translations."""

from __future__ import annotations

import pytest

from Testing.host import NEEDS_HOST

pytestmark = NEEDS_HOST


def test_registered_sample_data_is_written_down(bare):
    import SampleData
    SampleData.SampleDataLogic.registerCustomSampleDataSource(category="Own", sampleName="CT", uris="https://x/y.nrrd")
    assert bare.sample_data.registered == [{"category": "Own", "sampleName": "CT", "uris": "https://x/y.nrrd"}]


def test_what_would_be_installed_is_written_down(bare):
    import slicer
    slicer.util.pip_install("onnxruntime>=1.19")
    assert bare.packaging.installed == ["onnxruntime>=1.19"]


def test_an_installation_can_be_made_to_fail(bare):
    import slicer

    def offline(requirement):
        raise RuntimeError(f"no network for {requirement}")
    bare.packaging.outcome = offline
    with pytest.raises(RuntimeError, match="no network"):
        slicer.packaging.pip_install("onnxruntime")


def test_a_missing_package_is_asked_for_before_it_is_installed(bare):
    import slicer
    bare.packaging.checks["onnxruntime"] = False
    bare.dialogs.expect("onnxruntime", "Cancel")
    with pytest.raises(RuntimeError, match="declined"):
        slicer.packaging.pip_ensure("onnxruntime>=1.19", requester="MISTKDSegment", skip_in_testing=False)
    assert bare.packaging.installed == []


def test_a_package_that_is_there_needs_no_installation(bare):
    import slicer
    assert slicer.packaging.pip_check("numpy>=1.20") and slicer.packaging.pip_ensure("numpy") == []


def test_texts_without_a_translation_stay_as_they_are(bare):
    from slicer.i18n import tr, translate
    assert tr("Segment {organ}") == "Segment {organ}" and translate("any", "Segment") == "Segment"
