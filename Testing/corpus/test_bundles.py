"""Model bundles are data: whatever their files say, there is a usable model or one sentence (see `scale`).

Every case runs in a process of its own kind: one that crashes, hangs or takes gigabytes is a failed test.
"""

from __future__ import annotations

import copy
import json
import math
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from MISTKDSegmentLib.errors import BundleError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.inference.options import SegmentOptions
from MISTKDSegmentLib.inference.runner import segment
from MISTKDSegmentLib.model.bundle import default_bundle_folder, load_bundle
from MISTKDSegmentLib.system import peak_memory
from Testing.conftest import write_tiny_bundle
from Testing.corpus import scans
from Testing.corpus.line import check_sentence
from Testing.corpus.networks import conv_model, helper, model_of, onnx, put_network, subgraph, tensor
from Testing.corpus.scale import cases
from Testing.corpus.test_damage import PLACES

MOST_MB = 1000.0
NASTY = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from([
        10**400, -(10**400), 2**63, 1e308, math.nan, math.inf, -math.inf, "", " ", "\0", "\ud800", "a\nb", "\x1b[2J",
        "<img src=x onerror=alert(1)>", "../../etc/passwd", "C:\\NUL", "a/b", "x" * 100_000, "e\u0301", "腹部", [], {},
        [[]], [{}], {"a": {"b": []}}, [1, 2], [1, 2, 3], [0.0] * 10_000, "1.5", "true", 0, -1, 255, 256, 0.5]))

def use(folder: Path) -> str:
    """Load a bundle and label a small scan; the error for users, or nothing."""
    scan = scans.plain()
    volume = Volume(scan.hu, scan.spacing_mm, scan.origin_mm, scan.direction)
    labels = np.zeros(scan.hu.shape, np.uint8)
    try:
        bundle = load_bundle(folder)
        for _ in segment(volume, bundle, labels, SegmentOptions(threads=1)):
            pass
    except BundleError as error:
        return str(error)
    except MemoryError:
        return f"{folder} needs more memory than there is."
    assert set(np.unique(labels)) <= {0, *(label.value for label in bundle.labels)}
    # What people are shown can be shown.
    print(bundle.name, bundle.version, bundle.licence, [label.title for label in bundle.labels], file=sys.stderr)
    return ""


def check_use(work, folder: Path, must_fail: bool = False) -> None:
    error = work(use, folder)
    assert not must_fail or error
    if error:
        check_sentence(error, folder)
    assert (work(peak_memory) or 0) < MOST_MB * 1e6


def places(value, path=()):
    """Paths to everything in a JSON document that inference looks at."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        if key not in ("provenance", "results"):
            yield from places(one, (*path, key))


def changed(value, path, new):
    if not path:
        return new
    result = value.copy()
    result[path[0]] = changed(value[path[0]], path[1:], new)
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def description(folder):
    """What the description of the tiny bundle says; put back after the test."""
    text = (folder / "model.json").read_text(encoding="utf-8")
    yield json.loads(text)
    (folder / "model.json").write_text(text, encoding="utf-8")


def put(folder, description):
    (folder / "model.json").write_text(json.dumps(description), encoding="utf-8")


@cases(70)
@given(data=st.data())
def test_any_value_at_any_place_of_the_description(work, folder, description, data):
    wrong = description
    for _ in range(data.draw(st.integers(1, 2))):
        wrong = changed(wrong, data.draw(st.sampled_from(list(places(wrong)))), data.draw(NASTY))
    put(folder, wrong)
    check_use(work, folder)


@cases(20)
@given(data=st.data())
def test_missing_and_additional_entries(work, folder, description, data):
    path = data.draw(st.sampled_from([path for path in places(description) if path]))
    wrong = inner = copy.deepcopy(description)
    for key in path[:-1]:
        inner = inner[key]
    if isinstance(inner, dict):
        inner[data.draw(st.text())] = data.draw(NASTY)
    if data.draw(st.booleans()):
        del inner[path[-1]]
    put(folder, wrong)
    check_use(work, folder)


@pytest.mark.parametrize("content", [
    b"", b"\xff\xfe{}", b"\xef\xbb\xbf{", b"nan", b"[" * 200_000, b'{"a":' * 200_000, b"9" * 100_000, b'"' + b"x" * 99,
    b'{"schema_version": ' + b"[" * 900 + b"]" * 900 + b"}", b"\0" * 1000])
def test_descriptions_that_are_none(work, folder, description, content):
    (folder / "model.json").write_bytes(content)
    check_use(work, folder, must_fail=True)


@pytest.mark.parametrize(("path", "value"), [
    (("labels", 0, "name"), "spleen"), (("labels", 0, "value"), 7), (("sha256",), ""), (("sha256",), "0" * 64),
    (("sha256",), None), (("postprocessing", "liver", "minimum_ml"), math.nan), (("labels", 0, "title"), "\ud800"),
    (("postprocessing", "liver", "minimum_ml"), -1), (("postprocessing", "liver", "largest_component"), "false"),
    (("input", "multiple"), True), (("input", "multiple"), 8.5), (("labels", 0, "type", "value"), ["a"]),
    (("input", "context_offsets_mm"), [0.0]), (("labels", 0, "plausible_ml"), [0, math.inf]), (("results",), [])])
def test_values_that_make_no_sense_are_refused(work, folder, description, path, value):
    put(folder, changed(description, path, value))
    check_use(work, folder, must_fail=True)


def test_a_missing_checksum_is_refused(work, folder, description):
    del description["sha256"]
    put(folder, description)
    assert "'sha256' is missing" in work(use, folder)


@pytest.mark.parametrize("name", ["<b>big</b> & more", "a/b\\c", "..", "CON", "e\u0301 腹部", "--organs", "a\nb"])
def test_odd_names_are_names(work, folder, description, name):
    description["name"] = description["labels"][0]["title"] = name
    put(folder, description)
    assert work(use, folder) == ""
    loaded = load_bundle(folder)
    assert loaded.name == loaded.labels[0].title == " ".join(name.split())


@pytest.fixture
def network(folder):
    """The tiny network; put back after the test."""
    content = (folder / "model.onnx").read_bytes()
    yield content
    put_network(folder, content)


@cases(60)
@given(flips=st.lists(st.tuples(PLACES, st.integers(0, 7)), min_size=1, max_size=4),
       keep=st.sampled_from([1.0, 1.0, 0.9]))
def test_flipped_bits_in_the_network(work, folder, network, flips, keep):
    data = bytearray(network)
    for share, bit in flips:
        data[int(share * (len(data) - 1))] ^= 1 << bit
    put_network(folder, bytes(data[: int(keep * len(data))]))
    check_use(work, folder)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """The bundle that ships, and where in its network there are no weights."""
    folder = tmp_path_factory.mktemp("shipped") / "bundle"
    shutil.copytree(default_bundle_folder(), folder)
    content = (folder / "model.onnx").read_bytes()
    structure = np.ones(len(content), bool)
    for one in onnx.load_from_string(content).graph.initializer:
        if len(one.raw_data) > 64:
            start = content.find(one.raw_data)
            structure[start : start + len(one.raw_data)] = False
    return folder, content, np.flatnonzero(structure)


@cases(25)
@given(flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 7)), min_size=1, max_size=4))
def test_flipped_bits_in_the_network_that_ships(work, shipped, flips):
    folder, content, places = shipped
    data = bytearray(content)
    for share, bit in flips:
        data[places[int(share * (len(places) - 1))]] ^= 1 << bit
    put_network(folder, bytes(data))
    check_use(work, folder)


def broken_while_running() -> list:
    """Networks that load, or nearly, and fail on a scan."""
    indices, sizes = tensor("indices", [1, 1, 1, 1], np.int64), tensor("sizes", [4], np.int64)
    weights = tensor("weights", [3, 3, 1, 1])
    return [
        model_of([helper.make_node("GatherElements", ["pixels", "indices"], ["scores"], axis=9)], [indices]),
        model_of([helper.make_node("Reshape", ["pixels", "sizes"], ["scores"])], [sizes]),
        model_of([helper.make_node("Conv", ["pixels", "weights"], ["scores"], group=7)], [weights]),
        model_of([helper.make_node("Relu", ["nothing"], ["scores"])], []),
        model_of([helper.make_node("NoSuchOperator", ["pixels"], ["scores"])], []),
        model_of([helper.make_node("MaxPool", ["pixels"], ["scores"], kernel_shape=[99, 99])], []),
        model_of([helper.make_node("ReduceSum", ["pixels"], ["scores"], keepdims=0)], []),
        model_of([helper.make_node("Slice", ["pixels", "nothing", "nothing", "axes"], ["scores"])],
                 [onnx.numpy_helper.from_array(np.array([0, 0], np.int64), "nothing"),
                  onnx.numpy_helper.from_array(np.array([2, 3], np.int64), "axes")]),
    ]


@pytest.mark.parametrize("model", broken_while_running())
def test_networks_that_fail_while_running_are_refused(work, folder, network, model):
    put_network(folder, model.SerializeToString())
    check_use(work, folder, must_fail=True)


def test_no_file_beside_the_two_is_opened(folder, network, tmp_path):
    """What a network names as the place of its weights is not even looked for."""
    model = conv_model()
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.external_data.add(key="location", value="../secret.bin")
    put_network(folder, model.SerializeToString())
    (folder.parent / "secret.bin").write_bytes(bytes(36))
    opened: list[str] = []
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
    with pytest.raises(BundleError, match="data in other files"):
        load_bundle(folder)
    assert {Path(name).name for name in opened if str(folder) in name} == {"model.json", "model.onnx"}
    assert not any("secret" in name for name in opened)


@pytest.mark.parametrize("operator", ["If", "Loop"])
def test_graphs_within_the_graph_are_refused(work, folder, network, operator):
    node = helper.make_node(operator, [], ["scores"], body=subgraph(tensor("inner", [1])))
    put_network(folder, model_of([node], []).SerializeToString())
    assert "graphs within its graph" in work(use, folder)


@pytest.mark.parametrize("name", ["model.json", "model.onnx"])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "loop", "nothing"])
def test_what_is_no_file_is_refused_at_once(work, tmp_path, name, kind):
    folder = write_tiny_bundle(tmp_path / "bundle")
    (folder / name).unlink()
    if kind == "pipe":
        os.mkfifo(folder / name)
    elif kind == "folder":
        (folder / name).mkdir()
    elif kind != "nothing":
        (folder / name).symlink_to("/dev/zero" if kind == "device" else name)
    check_use(work, folder, must_fail=True)


def test_sizes_are_bounded_before_reading(work, tmp_path):
    for name, size in (("model.json", 5 << 20), ("model.onnx", (1 << 30) + 1)):
        folder = write_tiny_bundle(tmp_path / name)
        with open(folder / name, "r+b") as file:
            file.truncate(size)  # holes take no space
        assert "is larger than" in work(use, folder)


def test_nothing_in_the_library_reads_pickles():
    sources = Path(load_bundle.__code__.co_filename).parents[1].rglob("*.py")
    words = ("pickle", "allow_pickle=True", "np.load(", "eval(", "exec(", "marshal", "shelve", "yaml.load")
    found = {(path.name, word) for path in sources for word in words if word in path.read_text(encoding="utf-8")}
    assert found <= {("job.py", "np.load(")}
