"""CTK's sliders and spin boxes."""

from __future__ import annotations

import pytest

from Testing.host import NEEDS_HOST

pytestmark = NEEDS_HOST


@pytest.fixture
def ctk(bare):
    import ctk
    return ctk


def test_a_slider_widget_tells_its_number_once(ctk):
    got = []
    slider = ctk.ctkSliderWidget()
    slider.maximum = 10.0
    slider.connect("valueChanged(double)", got.append)
    slider.value = 2.5
    slider.value = 2.5
    assert got == [2.5] and slider.value == 2.5


def test_a_slider_widget_keeps_within_its_range(ctk):
    slider = ctk.ctkSliderWidget()
    slider.minimum, slider.maximum = 1.0, 5.0
    slider.setValue(9.0)
    assert slider.value == 5.0


def test_a_range_widget_tells_both_ends(ctk):
    got = []
    widget = ctk.ctkRangeWidget()
    widget.connect("valuesChanged(double,double)", lambda low, high: got.append((low, high)))
    widget.setValues(3.0, 7.0)
    assert got[-1] == (3.0, 7.0) and (widget.minimumValue, widget.maximumValue) == (3.0, 7.0)


def test_suffix_and_decimals_are_those_of_the_spin_box(ctk):
    box = ctk.ctkDoubleSpinBox()
    box.suffix, box.decimals, box.value = " mm", 1, 2.5
    assert box.cleanText == "2.5" and box.suffix == " mm"
