"""Comparison as a command: table, files, and the results that are refused."""

from __future__ import annotations

import csv
import json

import pytest

from MISTKDSegmentLib.errors import InputError, OutputError
from Training.compare import main
from Training.evaluation.comparison import difference_figure, worst_pairs
from Training.evaluation.paired_comparison import pair

CASES = ("a", "b", "c", "d")


def write(path, name, liver, spleen, **changes):
    """A results.json of four cases."""
    def organ(value):
        return {"presence": "absent" if value is None else "both",
                "transunet": {"dice": value or 0.0, "hd95_voxels": 1.0},
                "millimetre": {"dice": value, "hd95_mm": 2.0, "surface_dice_2mm": value}}
    document = {
        "bundle": {"name": name, "version": "1", "sha256": name}, "data": "synapse",
        "cases": {case: {"shape_kji": [2, 3, 4], "spacing_mm": [1.0, 1.0, 5.0],
                         "organs": {"liver": organ(liver[n]), "spleen": organ(spleen[n])}}
                  for n, case in enumerate(CASES)},
        **changes,
    }
    path.write_text(json.dumps(document))
    return document


@pytest.fixture
def files(tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    write(first, "old", [0.8, 0.8, 0.8, 0.8], [0.5, 0.5, 0.5, None])
    write(second, "new", [0.9, 0.92, 0.94, 0.96], [0.5, 0.3, 0.6, None])
    return first, second


def run(files, *options):
    return main([*(str(path) for path in files), *options])


def test_table(files, capsys):
    assert run(files) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "A old 1, B new 1: dice (millimetre), 4 cases" in printed
    assert "liver 0.800 0.930 +0.130" in printed
    assert "4/0/0" in printed
    assert "smallest that it can give is 0.125" in printed
    assert "B loses most: b spleen, 0.500 to 0.300" in printed


def test_files(files, tmp_path):
    assert run(files, "--out", str(tmp_path / "out")) == 0
    with open(tmp_path / "out" / "comparison.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 2
    assert float(rows[0]["difference"]) == pytest.approx(0.1)
    assert rows[7]["difference"] == ""
    document = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert document["organs"]["liver"]["p"] == document["organs"]["liver"]["smallest_p"] == 0.125
    assert document["organs"]["spleen"]["cases"] == 3
    assert document["first"]["name"] == "old"
    assert (tmp_path / "out" / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_compared_with_itself(files, capsys):
    assert run((files[0], files[0])) == 0
    assert "+0.000" in capsys.readouterr().out


def test_other_definitions_of_distance(files, capsys):
    for path, meaning in zip(files, ("border voxels", "areas")):
        document = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(document | {"protocols": {"millimetre": meaning}}))
    assert run(files, "--metric", "surface_dice_2mm") == InputError.exit_code
    error = capsys.readouterr().err
    assert "define surface_dice_2mm (millimetre) differently" in error and error.count("\n") == 1
    assert run(files) == 0


def test_other_protocol_and_metric(files, capsys):
    assert run(files, "--protocol", "transunet", "--metric", "hd95_voxels") == 0
    assert "hd95_voxels (transunet)" in capsys.readouterr().out


def test_metric_of_another_protocol(files, capsys):
    assert run(files, "--protocol", "transunet", "--metric", "hd95_mm") == InputError.exit_code
    assert "dice, hd95_voxels" in capsys.readouterr().err


def edited(case="a", **entries):
    def edit(document):
        document["cases"][case] |= entries
    return edit


def without(organ):
    def edit(document):
        for case in document["cases"].values():
            del case["organs"][organ]
    return edit


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda document: document.update(data="amos"), "different data (synapse and amos)"),
        (lambda document: document["cases"].pop("b"), "cases b"),
        (edited(shape_kji=[9, 3, 4]), "under the name a"),
        (edited(spacing_mm=[1.0, 1.0, 3.0]), "under the name a"),
        (without("spleen"), "organs spleen"),
        (lambda document: document["cases"]["c"]["organs"]["liver"].update(presence="unknown"), "references for c"),
    ],
)
def test_misfit_results(files, capsys, edit, said):
    document = json.loads(files[1].read_text(encoding="utf-8"))
    edit(document)
    files[1].write_text(json.dumps(document))
    assert run(files) == InputError.exit_code
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def with_checksums(path, **changes):
    document = json.loads(path.read_text(encoding="utf-8")) | changes
    for case, entry in document["cases"].items():
        entry["content_sha256"] = case * 64
    path.write_text(json.dumps(document))


def test_same_scans_in_another_folder(files):
    with_checksums(files[0])
    with_checksums(files[1], data="copy of synapse")
    assert run(files) == 0


def test_other_scans_of_the_same_name(files, capsys):
    for path in files:
        with_checksums(path)
    document = json.loads(files[1].read_text(encoding="utf-8"))
    document["cases"]["c"]["content_sha256"] = "0" * 64
    files[1].write_text(json.dumps(document))
    assert run(files) == InputError.exit_code
    error = capsys.readouterr().err
    assert "voxels in the scan or the reference of c" in error and error.count("\n") == 1


def test_results_without_checksums(files, capsys):
    with_checksums(files[0], data="copy of synapse")
    assert run(files) == InputError.exit_code
    assert "different data" in capsys.readouterr().err


def test_folder_instead_of_a_file(files, tmp_path, capsys):
    assert run((files[0], tmp_path)) == InputError.exit_code
    assert "is a folder: name its results.json" in capsys.readouterr().err


def test_the_figure_has_the_organs_own_colours():
    model = {"a": {"organs": {"liver": {"millimetre": {"dice": 0.5}}}}}
    figure = difference_figure(pair(model, model, "millimetre", "dice"), "", {"liver": (255, 0, 51)})
    points = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert list(points[0].get_color()) == [1.0, 0.0, 0.2]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"bundle": {"name": "x"}, "cases": {}}'])
def test_no_result_is_one_line(files, capsys, text):
    files[1].write_text(text)
    assert run(files) == InputError.exit_code
    assert "b.json" in capsys.readouterr().err


def test_worst_pairs():
    def model(*values):
        return {case: {"organs": {"liver": {"presence": "both", "millimetre": {"dice": value}}}}
                for case, value in zip("abc", values)}
    pairs = pair(model(0.5, 0.5, 0.5), model(0.4, 0.6, 0.2), "millimetre", "dice")
    assert worst_pairs(pairs) == [("c", "liver", 0.5, 0.2), ("a", "liver", 0.5, 0.4)]


def test_unwritable_folder(files, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert run(files, "--out", str(tmp_path / "file" / "out")) == OutputError.exit_code
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1 and not printed.out
