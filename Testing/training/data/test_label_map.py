"""Label maps: their labels become ours, or nothing, or unknown."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from Testing.training import raw_data
from Training.data.label_map import SHIPPED, LabelMap, find_label_map, read_label_map_file
from Training.data.label_roles import assign, value_table
from Training.data.layouts.registry import open_dataset
from Training.data.prepared import IGNORE

ORGANS = ABDOMEN_LABELS[:3]  # aorta 1, gallbladder 2, left_kidney 3
SOURCE = Path("dataset.json")
VOLUME = Volume(np.zeros((1, 1, 8), np.int16), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))


def read(tmp_path, text):
    path = tmp_path / "map.yaml"
    path.write_text(text)
    return read_label_map_file(path)


def channels(table, values):
    return table.apply(np.array([[values]], np.uint8), VOLUME, SOURCE)[0, 0].tolist()


def test_names_match_whatever_their_spelling():
    theirs = {"Background": (0,), "AORTA": (4,), "Kidney-Left": (7,), "gall bladder": (9,)}
    table = value_table(ORGANS, theirs, None, SOURCE)
    assert channels(table, [0, 4, 7, 9]) == [0, 1, 3, 0]
    assert table.annotated == ("aorta", "left_kidney") and table.unused == ("gall bladder",)


def test_names_values_lists_and_spellings(tmp_path):
    organs = "organs: {Aorta: vessel | arota, gallbladder: 9, left kidney: [a, b]}"
    label_map = read(tmp_path, f"{organs}\nignore: [cyst]\n")
    theirs = {"bg": (0,), "arota": (4,), "gall": (9,), "a": (5,), "b": (6,), "cyst": (2,), "rest": (8,)}
    table = value_table(ORGANS, theirs, label_map, SOURCE)
    assert channels(table, [0, 4, 9, 5, 6, 2, 8]) == [0, 1, 2, 3, 3, IGNORE, 0]
    assert table.annotated == ("aorta", "gallbladder", "left_kidney") and table.unused == ("rest",)


def test_declared_unknown(tmp_path):
    label_map = read(tmp_path, "organs: {aorta: a, gallbladder: b}\nunknown: gallbladder\n")
    table = value_table(ORGANS, {"a": (1,), "b": (2,)}, label_map, SOURCE)
    assert table.annotated == ("aorta",) and channels(table, [1, 2]) == [1, 0]


def test_ignored_inside_a_region(tmp_path):
    label_map = read(tmp_path, "organs: {aorta: whole}\nignore: part\n")
    table = value_table(ORGANS, {"whole": (1, 2), "part": (2,)}, label_map, SOURCE)
    assert channels(table, [1, 2]) == [1, IGNORE]


def test_unasked_organs_become_nothing(tmp_path):
    table = value_table(ORGANS, {"a": (1,), "l": (2,)}, read(tmp_path, "organs: {aorta: a, liver: l}"), SOURCE)
    assert channels(table, [1, 2]) == [1, 0] and table.unused == ("l",)


@pytest.mark.parametrize(
    ("text", "message"),
    [("organs: {aorta: vein}", r"map.yaml names the label vein, which dataset.json does not have \(.*a.*\); correct"),
     ("organs: {aorta: 7}", "names the label 7"),
     ("organs: {liver: a}", "give none of the organs .*; correct .*map.yaml"),
     ("organs: {aorta: a, gallbladder: a}", "value 1 of dataset.json is claimed by both aorta and gallbladder")],
)
def test_misfit_is_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        value_table(ORGANS, {"a": (1,), "b": (2,)}, read(tmp_path, text), SOURCE)


@pytest.mark.parametrize(
    "text", ["- a", "", "organ: {a: 1}", "organs: [a]", "organs: {aorta: {a: 1}}", "organs: {aorta: [true]}",
             "sides: {a: 1}", "sides: [{labels: a, left: b}]", "organs: {a: [}"])
def test_no_label_map_is_refused(tmp_path, text):
    with pytest.raises(InputError, match=r"map\.yaml .*; "):
        read(tmp_path, text)
    with pytest.raises(InputError, match=r"none\.yaml cannot be read"):
        read_label_map_file(tmp_path / "none.yaml")


def test_shipped_map_or_file(tmp_path):
    path = tmp_path / "amos"
    path.write_text("organs: {aorta: a}")
    assert find_label_map(Path("amos")) == SHIPPED / "amos.yaml"
    assert find_label_map(path) == path
    with pytest.raises(InputError, match="name one, or one of amos, btcv, flare22, kits, msd_"):
        find_label_map(Path("amoss"))


PUBLISHED = {
    "btcv": ["spleen", "right kidney", "left kidney", "gallbladder", "esophagus", "liver", "stomach", "aorta",
             "inferior vena cava", "portal vein and splenic vein", "pancreas", "right adrenal gland",
             "left adrenal gland"],
    "amos": ["spleen", "right kidney", "left kidney", "gall bladder", "esophagus", "liver", "stomach", "arota",
             "postcava", "pancreas", "right adrenal gland", "left adrenal gland", "duodenum", "bladder",
             "prostate/uterus"],
    "flare22": ["liver", "right kidney", "spleen", "pancreas", "aorta", "inferior vena cava", "right adrenal gland",
                "left adrenal gland", "gallbladder", "esophagus", "stomach", "duodenum", "left kidney"],
    "totalsegmentator": ["spleen", "kidney_right", "kidney_left", "gallbladder", "liver", "stomach", "pancreas",
                         "aorta"],
    "msd_liver": ["liver", "cancer"],
    "msd_pancreas": ["pancreas", "cancer"],
    "msd_spleen": ["spleen"],
    "kits": ["kidney", "tumor", "cyst"],
}


def test_shipped_maps_fit_published_labels():
    assert sorted(PUBLISHED) == sorted(path.stem for path in SHIPPED.glob("*.yaml"))
    for name, labels in PUBLISHED.items():
        theirs = {"background": (0,)} | {label: (value,) for value, label in enumerate(labels, 1)}
        table = value_table(ABDOMEN_LABELS, theirs, read_label_map_file(find_label_map(Path(name))), SOURCE)
        organs = [organ.name for organ in ABDOMEN_LABELS]
        wanted = {"msd_liver": ["liver"], "msd_pancreas": ["pancreas"], "msd_spleen": ["spleen"],
                  "kits": ["left_kidney", "right_kidney"]}.get(name, organs)
        assert list(table.annotated) == wanted, name


@pytest.mark.parametrize(
    "declared", [{"background": 0, "kidney": 1, "tumor": 2}, {"background": 0, "kidney": 1, "tumor": 2, "cyst": 3},
                 {"background": 0, "kidney": [1, 2, 3], "masses": [2, 3], "tumor": 2}])
def test_kidneys_are_told_apart(tmp_path, declared):
    """KiTS 2019, 2021 and, as nnU-Net converts it, 2023."""
    values = {"left_kidney": 1, "right_kidney": 1, "liver": 2}
    raw_data.nnunet(tmp_path, "a", values=values, declared=declared)
    scan = open_dataset(tmp_path, ABDOMEN_LABELS, label_map=Path("kits")).scans["a"]
    expected = raw_data.reference({"left_kidney": 3, "right_kidney": 4, "liver": IGNORE})
    np.testing.assert_array_equal(scan.read_reference(scan.read_volume()), expected)
    assert scan.annotated == ("left_kidney", "right_kidney")


NAMES = st.lists(st.text("abcdefghij_ ", min_size=1), min_size=3, max_size=8, unique=True)


@given(NAMES, st.data())
def test_every_value_has_one_meaning(names, data):
    values = data.draw(st.lists(st.integers(1, 255), min_size=len(names), max_size=len(names), unique=True))
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
    ignored = tuple(data.draw(st.lists(st.sampled_from(names), unique=True)))
    label_map = LabelMap("map", {organ.name: (name,) for organ, name in zip(ORGANS, chosen)}, ignore=ignored)
    theirs = {name: (value,) for name, value in zip(names, values)}
    table = value_table(ORGANS, theirs, label_map, SOURCE)
    became = dict(zip(names, channels(table, values)))
    for name in names:
        expected = IGNORE if name in ignored else chosen.index(name) + 1 if name in chosen else 0
        assert became[name] == expected
    assert set(table.unused) == {name for name in names if became[name] == 0}
    stranger = next(value for value in range(1, 256) if value not in values) if len(values) < 255 else None
    with pytest.raises(InputError, match=f"has the label values {stranger}, which"):
        channels(table, [stranger])


def test_two_labels_of_one_meaning(tmp_path):
    theirs = {"kidney left": (1,), "Left Kidney": (2,)}
    with pytest.raises(InputError, match="has the labels kidney left, Left Kidney, which mean the same"):
        value_table(ORGANS, theirs, None, SOURCE)
    table = value_table(ORGANS, theirs, read(tmp_path, "organs: {left_kidney: Left Kidney}"), SOURCE)
    assert channels(table, [1, 2]) == [0, 3]


@given(st.permutations(["left", "kidney", "upper"]), st.sampled_from([" ", "_", "-", "  "]))
def test_word_order_means_nothing(words, space):
    organ = [label for label in ABDOMEN_LABELS if label.name == "left_kidney"]
    name = space.join(words).title()
    assert assign(organ, [name, space.join(words[:2])], LabelMap("m", {"left_kidney": ("upper_left_kidney",)}),
                  SOURCE).used == {name}


def test_shipped_maps_name_benchmark_organs():
    names = {organ.name for organ in ABDOMEN_LABELS}
    for path in SHIPPED.glob("*.yaml"):
        assert set(yaml.safe_load(path.read_text(encoding="utf-8")).get("organs", {})) <= names
