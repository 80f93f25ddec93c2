"""onnxruntime: what is there, what is asked, what is installed, and what is said when that fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from Testing.host import open_host


@pytest.fixture
def host():
    """Slicer without the panel."""
    with open_host(None) as opened:
        yield opened


@pytest.fixture
def packages(host, tmp_path: Path, monkeypatch) -> Path:
    """The one folder that Python finds packages in, besides its own."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), *(entry for entry in sys.path if "site-packages" not in entry)])
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    return folder


@pytest.fixture
def runtime(packages):
    from MISTKDSegmentLib.slicer.panel.installation import OnnxRuntime

    return OnnxRuntime()


def put(packages: Path, version: str, name: str = "onnxruntime") -> None:
    (packages / "onnxruntime").mkdir(exist_ok=True)
    (packages / "onnxruntime" / "__init__.py").write_text("raise RuntimeError('imported')")
    information = packages / f"{name.replace('-', '_')}-{version}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


@pytest.fixture
def pip(packages, monkeypatch):
    """What pip is told to install; `pip.does` happens then."""
    import slicer.packaging

    class Pip:
        def __init__(self):
            self.calls, self.does = [], lambda requirements: put(packages, "1.23.2")

    pip = Pip()

    def pip_install(requirements, **keywords):
        pip.calls.append((requirements, keywords))
        pip.does(requirements)

    monkeypatch.setattr(slicer.packaging, "pip_install", pip_install)
    return pip


def offline(requirements):
    raise subprocess.CalledProcessError(1, "pip install")


@pytest.mark.parametrize(("version", "state"), [
    ("1.19.0", "ready"), ("1.23.2", "ready"), ("2.0", "ready"), ("1.18.1", "too old"), ("0.9", "too old"),
    ("1.20.0.dev20241001", "ready"),
])
def test_the_version_decides(runtime, packages, version, state):
    put(packages, version)
    assert runtime.state() == state


def test_nothing_installed_is_missing(runtime):
    assert runtime.state() == "missing"


@pytest.mark.parametrize("name", ["onnxruntime-gpu", "onnxruntime-directml"])
def test_another_distribution_of_the_same_package_counts(runtime, packages, name):
    put(packages, "1.22.0", name)
    assert runtime.state() == "ready"


def test_a_package_without_a_version_is_left_to_the_child_to_judge(runtime, packages):
    (packages / "onnxruntime").mkdir()
    (packages / "onnxruntime" / "__init__.py").touch()
    assert runtime.state() == "ready"


def test_what_is_asked_for_is_what_pip_installs_outside_slicer(host):
    from MISTKDSegmentLib.slicer.panel.installation import REQUIREMENT

    assert f'"{REQUIREMENT}",' in (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")


def test_nobody_is_asked_when_it_is_there(runtime, packages, pip):
    put(packages, "1.22.0")
    assert runtime.ensure(lambda question: pytest.fail("asked"))
    assert pip.calls == [] and "onnxruntime" not in sys.modules


def test_one_question_names_the_size_then_it_is_installed(runtime, pip):
    questions = []
    assert runtime.ensure(lambda question: not questions.append(question))
    assert len(questions) == 1 and "about 30 MB" in questions[0] and "not installed" in questions[0]
    assert pip.calls == [(["onnxruntime>=1.19"], {"requester": "MISTKDSegment"})]
    assert runtime.state() == "ready" and "onnxruntime" not in sys.modules


def test_an_old_version_is_named_in_the_question(runtime, packages, pip):
    put(packages, "1.17.3")
    questions = []
    assert not runtime.ensure(questions.append)
    assert "1.17.3" in questions[0] and "about 30 MB" in questions[0] and pip.calls == []


def test_a_refusal_installs_nothing_and_has_a_sentence_that_says_what_to_do(runtime, pip):
    assert not runtime.ensure(lambda question: False)
    assert pip.calls == []
    assert "onnxruntime-*-cp" in runtime.refused() and "from a wheel file" in runtime.refused()


@pytest.mark.parametrize("failure", [
    offline, lambda requirements: None, lambda requirements: exec("raise RuntimeError('PythonSlicer not found')")])
def test_a_failure_says_what_to_do_without_a_connection(runtime, pip, failure):
    from MISTKDSegmentLib.errors import SegmentError

    pip.does = failure
    with pytest.raises(SegmentError, match=r"offline.*proxy.*onnxruntime-\*-cp\d+-\*-\S+\.whl"):
        runtime.ensure(lambda question: True)


def test_slicer_before_5_12_installs_it_its_own_way_and_shows_that_it_works_on_it(runtime, packages, monkeypatch):
    import slicer

    shown, installed = [], []

    class Dialog:
        def close(self):
            shown.append("closed")

    def pip_install(requirements):
        assert shown == ["Installing onnxruntime…"]
        installed.append(requirements)
        put(packages, "1.19.2")

    monkeypatch.setitem(sys.modules, "slicer.packaging", None)
    monkeypatch.setattr(slicer.util, "pip_install", pip_install)
    monkeypatch.setattr(slicer.util, "createProgressDialog",
                        lambda labelText, maximum: shown.append(labelText) or Dialog(), raising=False)
    assert runtime.ensure(lambda question: True)
    assert installed == [["onnxruntime>=1.19"]] and shown == ["Installing onnxruntime…", "closed"]


def tag() -> str:
    return f"cp{sys.version_info[0]}{sys.version_info[1]}"


def test_a_wheel_on_disk_is_installed_by_its_path_even_with_blanks_in_it(runtime, tmp_path, pip):
    wheel = tmp_path / "my files" / f"onnxruntime-1.23.2-{tag()}-{tag()}-manylinux_2_28_x86_64.whl"
    wheel.parent.mkdir()
    wheel.touch()
    runtime.install_from_file(wheel)
    assert pip.calls[0][0] == ["--no-deps", str(wheel)]


@pytest.mark.parametrize(("name", "words"), [
    ("onnxruntime-1.23.2-cp27-cp27-win_amd64.whl", "another Python"),
    (f"onnx-1.16.0-{tag()}-{tag()}-win_amd64.whl", "no wheel of onnxruntime"),
    ("notes.txt", "no wheel of onnxruntime"),
])
def test_a_wrong_file_is_refused_before_pip_sees_it(runtime, tmp_path, pip, name, words):
    from MISTKDSegmentLib.slicer.panel.installation import InstallationError

    (tmp_path / name).touch()
    with pytest.raises(InstallationError, match=words):
        runtime.install_from_file(tmp_path / name)
    assert pip.calls == []


def test_a_file_that_is_not_there_is_named(runtime, tmp_path, pip):
    from MISTKDSegmentLib.slicer.panel.installation import InstallationError

    with pytest.raises(InstallationError, match="is not there"):
        runtime.install_from_file(tmp_path / "onnxruntime-1.whl")


def test_a_wheel_that_pip_refuses_is_named(runtime, tmp_path, pip):
    from MISTKDSegmentLib.slicer.panel.installation import InstallationError

    pip.does = offline
    wheel = tmp_path / f"onnxruntime-1.23.2-{tag()}-{tag()}-win_amd64.whl"
    wheel.touch()
    with pytest.raises(InstallationError, match=r"win_amd64\.whl could not be installed"):
        runtime.install_from_file(wheel)


@pytest.mark.parametrize(("system", "platform", "machine", "ending"), [
    ("linux", "linux-x86_64", "x86_64", "manylinux*_x86_64"), ("win32", "win-amd64", "AMD64", "win_amd64"),
    ("darwin", "macosx-13.0-arm64", "arm64", "macosx_*"),
    ("darwin", "macosx-11.0-universal2", "x86_64", "macosx_*"),
])
def test_the_pattern_names_the_file_for_this_python_and_system(host, monkeypatch, system, platform, machine, ending):
    from MISTKDSegmentLib.slicer.panel import installation

    monkeypatch.setattr(installation.sys, "platform", system)
    monkeypatch.setattr(installation.sysconfig, "get_platform", lambda: platform)
    monkeypatch.setattr(installation.platform, "machine", lambda: machine)
    assert installation.wheel_pattern() == f"onnxruntime-*-{tag()}-*-{ending}.whl"
