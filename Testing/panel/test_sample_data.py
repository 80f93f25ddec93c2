"""The scans that Slicer's Sample Data module offers."""

import re

import pytest


def test_both_scans_are_offered_when_slicer_has_started(host):
    assert [source["sampleName"] for source in host.sample_data.registered] == ["CTLiver", "CTAAbdomenPanoramix"]
    assert {source["category"] for source in host.sample_data.registered} == {"MISTKD Segment"}


def test_the_nodes_have_the_names_by_which_slicer_finds_its_thumbnails(host):
    assert [source["nodeNames"] for source in host.sample_data.registered] == ["CTLiver", "Panoramix-cropped"]


def test_each_has_a_checksum_that_is_also_its_address(host):
    for source in host.sample_data.registered:
        assert re.fullmatch("SHA256:[0-9a-f]{64}", source["checksums"])
        assert source["uris"].endswith(source["checksums"].replace(":", "/"))


def test_no_thumbnail_is_named_as_slicer_has_its_own(host):
    assert not any("thumbnailFileName" in source for source in host.sample_data.registered)


@pytest.mark.parametrize("knows_categories", [False, True])
def test_slicer_5_12_is_told_the_title_of_the_category_and_others_do_without(host, monkeypatch, knows_categories):
    import SampleData

    from MISTKDSegmentLib.slicer.panel.sample_data import CATEGORY, register_sample_data
    titles = {}
    monkeypatch.delattr(SampleData.SampleDataLogic, "registerCustomSampleDataCategory", raising=False)
    if knows_categories:
        monkeypatch.setattr(SampleData.SampleDataLogic, "registerCustomSampleDataCategory",
                            staticmethod(lambda category, title: titles.update({category: title})), raising=False)
    register_sample_data()
    assert titles == ({CATEGORY: "MISTKD Segment"} if knows_categories else {})
