"""What the panel says about itself."""

from pathlib import Path

import pytest

from MISTKDSegmentLib import __version__
from MISTKDSegmentLib.model.catalogue import Model


@pytest.fixture
def about(quiet_host):
    from MISTKDSegmentLib.slicer.panel.about import about
    return about


def test_version_citation_and_licence_are_there(about):
    said = about(None)
    assert __version__ in said
    assert "Transformer Knowledge Distillation" in said
    assert 'href="https://doi.org/10.1145/3596286.3596292"' in said
    assert "Apache-2.0" in said


def test_the_licence_of_the_weights_is_that_of_the_chosen_model(about):
    said = about(Model(Path("m"), "a<b", "1", (), "Not for <sale>."))
    assert "a&lt;b" in said
    assert "Not for &lt;sale&gt;." in said
    assert "<sale>" not in said


def test_what_to_cite_is_written_in_one_place():
    module = Path(__file__).resolve().parents[2] / "MISTKDSegment"
    texts = [path.read_text(encoding="utf-8") for path in module.rglob("*.py")]
    assert sum(text.count("10.1145/3596286") for text in texts) == 1
