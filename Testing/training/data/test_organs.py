"""Organs of a file: a data set with other organs gives a bundle without touching code."""

import pytest

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS, ANATOMICAL_STRUCTURE, Code
from Training.data.organs import read_organs


def read(tmp_path, text):
    path = tmp_path / "organs.yaml"
    path.write_text(text)
    return read_organs(path)


def test_benchmark_organs_need_a_name(tmp_path):
    liver, left = read(tmp_path, "- liver\n- Left Kidney\n")
    assert (liver.value, left.value) == (1, 2)
    assert (liver.name, liver.color, liver.type) == ("liver", ABDOMEN_LABELS[4].color, ABDOMEN_LABELS[4].type)
    assert left.modifier == ABDOMEN_LABELS[2].modifier


def test_other_organs_get_defaults(tmp_path):
    duodenum, gland = read(tmp_path, "- duodenum\n- name: left_adrenal_gland\n")
    assert duodenum.title == "Duodenum" and duodenum.category == ANATOMICAL_STRUCTURE and duodenum.modifier is None
    assert duodenum.type == Code("99MISTKD", "duodenum", "Duodenum")
    assert gland.type.value.startswith("left_adre_") and len(gland.type.value) == 16
    assert duodenum.color != gland.color


def test_everything_can_be_given(tmp_path):
    (organ,) = read(tmp_path, """
- name: bladder
  title: Urinary bladder
  color: [1, 2, 3]
  category: {scheme: SCT, value: 123037004, meaning: Anatomical Structure}
  type: {scheme: SCT, value: 89837001, meaning: Bladder}
  modifier: {scheme: SCT, value: 7771000, meaning: Left}
  plausible_ml: [10, 900]
""")
    assert (organ.title, organ.color, organ.type) == ("Urinary bladder", (1, 2, 3), Code("SCT", "89837001", "Bladder"))
    assert organ.modifier == Code("SCT", "7771000", "Left")
    assert organ.plausible_ml == (10.0, 900.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [("liver: 1", "is no list of 1 to 254 organs"), ("[]", "is no list"), ("- liver\n- Liver", "names liver twice"),
     ("- 3", "has 3 as an organ; give a name"), ("- {name: liver, colour: [1, 2, 3]}", "as an organ"),
     ("- 1liver", "use letters, digits"), ("- {name: a, color: [1, 2, 300]}", "each 0 to 255"),
     ("- {name: a, type: SCT}", "give scheme, value and meaning"), ("- {name: a, type: {scheme: SCT}}", "give scheme"),
     (f"- {{name: a, type: {{scheme: S, value: {'x' * 17}, meaning: m}}}}", "over 16 characters"),
     ("- {name: a, plausible_ml: [9, 3]}", "give two volumes in mL"), ("- {name: a, plausible_ml: 5}", "two volumes"),
     ("- [", "is not valid YAML")],
)
def test_no_organs_are_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)
