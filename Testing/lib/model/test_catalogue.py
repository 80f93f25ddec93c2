"""Models to choose from: what ships, what was added, and what cannot be."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from MISTKDSegmentLib.errors import BundleError, OutputError
from MISTKDSegmentLib.model.bundle import default_bundle_folder, load_bundle
from MISTKDSegmentLib.model.catalogue import add_model, installed_models
from Testing.conftest import write_tiny_bundle


def zipped(folder: Path, archive: Path, inside: str = "") -> Path:
    with zipfile.ZipFile(archive, "w") as file:
        for entry in folder.iterdir():
            file.write(entry, inside + entry.name)
    return archive


def test_the_model_that_ships_is_listed_with_its_organs_and_score():
    (model,) = installed_models([default_bundle_folder().parent, Path("nowhere")])
    bundle = load_bundle(default_bundle_folder())
    assert (model.name, model.version, model.labels, model.problem) == (bundle.name, bundle.version, bundle.labels, "")
    assert 0.5 < model.mean_dice < 1


def test_a_damaged_model_is_listed_with_its_problem_and_does_not_hide_the_others(tmp_path):
    write_tiny_bundle(tmp_path / "b")
    write_tiny_bundle(tmp_path / "a")
    (tmp_path / "a" / "model.onnx").write_bytes(b"")
    (tmp_path / "no_model").mkdir()
    damaged, whole = installed_models([tmp_path])
    assert damaged.name == "a" and "does not match the checksum" in damaged.problem and damaged.labels == ()
    assert whole.name == "tiny" and whole.problem == "" and whole.mean_dice is None


@pytest.mark.parametrize("form", ["folder", "model.json", "model.onnx", "zip", "nested.zip"])
def test_a_model_may_be_given_as_folder_file_or_zip(tmp_path, form):
    source = write_tiny_bundle(tmp_path / "source")
    given = {"folder": source, "zip": tmp_path / "m.zip", "nested.zip": tmp_path / "n.ZIP"}.get(form, source / form)
    if "zip" in form:
        zipped(source, given, "some/where/" if "nested" in form else "")
    entry = add_model(given, tmp_path / "new" / "models")
    assert entry == tmp_path / "new" / "models" / "tiny-1.0"
    assert load_bundle(entry).sha256 == load_bundle(source).sha256
    assert [path.name for path in entry.parent.iterdir()] == ["tiny-1.0"]


def test_adding_the_same_model_again_changes_nothing(tmp_path):
    source = write_tiny_bundle(tmp_path / "source")
    assert add_model(source, tmp_path / "models") == add_model(source, tmp_path / "models")
    assert len(installed_models([tmp_path / "models"])) == 1


def test_another_network_of_the_same_name_is_kept_beside_the_first(tmp_path):
    first = add_model(write_tiny_bundle(tmp_path / "source"), tmp_path / "models")
    onnx = pytest.importorskip("onnx")
    network = onnx.load(str(tmp_path / "source" / "model.onnx"))
    network.doc_string = "another"
    other = network.SerializeToString()
    (tmp_path / "source" / "model.onnx").write_bytes(other)
    description = json.loads((tmp_path / "source" / "model.json").read_text(encoding="utf-8"))
    description["sha256"] = hashlib.sha256(other).hexdigest()
    (tmp_path / "source" / "model.json").write_text(json.dumps(description))
    second = add_model(tmp_path / "source", tmp_path / "models")
    assert second.name.startswith("tiny-1.0-") and first != second
    assert len(installed_models([tmp_path / "models"])) == 2


def test_the_same_network_with_another_description_is_another_model(tmp_path):
    source = write_tiny_bundle(tmp_path / "source")
    first = add_model(source, tmp_path / "models")
    description = json.loads((source / "model.json").read_text(encoding="utf-8"))
    description["labels"][0]["title"] = "Hepar"
    (source / "model.json").write_text(json.dumps(description), encoding="utf-8")
    second = add_model(source, tmp_path / "models")
    assert second not in (first, source) and load_bundle(second).labels[0].title == "Hepar"
    assert add_model(source, tmp_path / "models") == second
    assert {model.labels[0].title: model.folder for model in installed_models([tmp_path / "models"])} == {
        "Liver": first, "Hepar": second}


@pytest.mark.parametrize("form", ["folder", "model.json", "model.onnx"])
def test_a_message_names_the_file_that_is_damaged(tmp_path, form):
    source = write_tiny_bundle(tmp_path / "source")
    (source / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(BundleError, match=rf"^{source / 'model.onnx'} does not match"):
        add_model(source if form == "folder" else source / form, tmp_path / "models")


def test_models_of_the_same_name_and_version_can_be_told_apart(tmp_path):
    for name in ("a", "b"):
        write_tiny_bundle(tmp_path / name)
    sha256 = hashlib.sha256((tmp_path / "b" / "model.json").read_bytes()).hexdigest()
    first, second = installed_models([tmp_path])
    assert (first.key, second.key) == ("tiny 1.0", f"tiny 1.0 ({sha256[:8]})")


def test_a_model_that_ships_is_not_added_again(tmp_path):
    shipped = write_tiny_bundle(tmp_path / "shipped" / "tiny")
    assert add_model(shipped, tmp_path / "models", [tmp_path / "shipped"]) == shipped
    assert not (tmp_path / "models").exists()


def test_a_name_cannot_lead_out_of_the_folder(tmp_path):
    source = write_tiny_bundle(tmp_path / "source")
    description = json.loads((source / "model.json").read_text(encoding="utf-8"))
    (source / "model.json").write_text(json.dumps({**description, "name": "../../evil", "version": "/"}))
    assert add_model(source, tmp_path / "models").parent == tmp_path / "models"


def test_a_damaged_model_is_not_added(tmp_path):
    source = write_tiny_bundle(tmp_path / "source")
    (source / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(BundleError, match="does not match the checksum"):
        add_model(source, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_zip_that_is_none_or_holds_no_or_two_models_is_refused(tmp_path):
    source = write_tiny_bundle(tmp_path / "source")
    (tmp_path / "none.zip").write_bytes(b"PK nothing")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as file:
        file.writestr("README.md", "nothing")
    shutil.copytree(source, tmp_path / "both" / "a")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as file:
        for folder in ("a", "b"):
            file.write(source / "model.json", f"{folder}/model.json")
    for name, message in (("none", "no readable zip"), ("empty", r"empty\.zip.model\.json cannot be read"),
                          ("two", "one by one")):
        with pytest.raises(BundleError, match=message):
            add_model(tmp_path / f"{name}.zip", tmp_path / "models")


def test_a_folder_that_cannot_be_listed_does_not_hide_the_others(tmp_path):
    (tmp_path / "no_folder").write_text("")
    write_tiny_bundle(tmp_path / "models" / "a")
    assert [model.name for model in installed_models([tmp_path / "no_folder", tmp_path / "models"])] == ["tiny"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions bind neither root nor Windows")
def test_a_folder_without_write_access_is_named(tmp_path):
    source = write_tiny_bundle(tmp_path / "source")
    (tmp_path / "models").mkdir(mode=0o500)
    with pytest.raises(OutputError, match="models cannot be written"):
        add_model(source, tmp_path / "models")


def test_a_file_where_the_folder_should_be_is_named(tmp_path):
    source = write_tiny_bundle(tmp_path / "source")
    (tmp_path / "models").write_text("")
    with pytest.raises(OutputError, match="models cannot be written"):
        add_model(source, tmp_path / "models")
