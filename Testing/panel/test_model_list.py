"""The choice of the model."""

from pathlib import Path

import pytest

from MISTKDSegmentLib.errors import BundleError
from MISTKDSegmentLib.model.catalogue import Model
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS

SHIPPED = Model(Path("shipped"), "synapse-abdomen", "0.1.0", ABDOMEN_LABELS, "Research use only.", 0.8)
ADDED = Model(Path("added"), "own", "2.0", ABDOMEN_LABELS[:1], "Apache-2.0")
DAMAGED = Model(Path("damaged"), "damaged", problem="damaged/model.onnx does not match its checksum: copy it again.")


@pytest.fixture
def widget(quiet_host):
    import qt
    return qt.QComboBox()


@pytest.fixture
def models(widget):
    from MISTKDSegmentLib.slicer.panel.model_list import ModelList
    models = ModelList(widget)
    models.fill([SHIPPED, ADDED, DAMAGED])
    return models


def test_the_first_model_is_the_default(models):
    assert models.choose("") is None
    assert models.chosen() is SHIPPED


def test_a_model_is_found_by_name_and_version(models):
    assert models.choose("own 2.0") is None
    assert models.chosen() is ADDED


def test_another_version_stands_in_for_one_that_is_gone(models):
    assert models.choose("own 1.0") is None
    assert models.chosen() is ADDED


def test_a_model_that_is_not_installed_is_named(models, widget):
    assert models.choose("lungs 1.0") == "The model lungs 1.0 is not installed: add it or choose another one."
    assert models.chosen() is None
    assert widget.currentIndex == -1


def test_only_a_model_that_can_be_used_has_a_folder(models):
    models.choose("own 2.0")
    assert models.folder() == Path("added")
    models.choose("damaged ")
    with pytest.raises(BundleError, match="does not match its checksum"):
        models.folder()
    models.choose("lungs 1.0")
    with pytest.raises(BundleError, match="No model is chosen"):
        models.folder()


def test_no_model_at_all_is_said(models):
    models.fill([])
    assert "no model" in models.choose("")
    assert models.chosen() is None


def test_a_damaged_model_is_shown_as_such(models, widget):
    import qt
    assert widget.itemText(2) == "damaged (damaged)"
    assert widget.itemData(2, qt.Qt.ToolTipRole) == DAMAGED.problem


def test_the_tooltip_tells_what_a_model_can_do(models, widget):
    import qt
    tip = widget.itemData(0, qt.Qt.ToolTipRole)
    assert tip.startswith("8 organs: Aorta, ")
    assert "0.80" in tip
    assert "Dice" not in widget.itemData(1, qt.Qt.ToolTipRole)


def test_showing_a_model_is_no_choice_of_the_user(models, widget):
    heard = []
    widget.connect("currentIndexChanged(int)", heard.append)
    models.choose("own 2.0")
    models.fill([SHIPPED])
    assert heard == []
    models.fill([SHIPPED, ADDED])
    models.choose("")
    widget.setCurrentIndex(1)
    assert heard == [1]
