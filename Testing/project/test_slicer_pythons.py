"""The script that runs the library's tests on the Pythons of Slicer: which interpreter it takes, what it installs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from Testing import slicer_pythons

THIS = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Records what would be run; this Python stands for both."""
    recorded: list[list[str]] = []
    these = {name: slicer._replace(python=THIS) for name, slicer in slicer_pythons.SLICERS.items()}
    monkeypatch.setattr(slicer_pythons, "SLICERS", these)
    monkeypatch.setattr(slicer_pythons, "run", recorded.append)
    return recorded


def test_each_slicer_gets_an_environment_with_its_own_packages(steps: list[list[str]], tmp_path: Path) -> None:
    slicer_pythons.environment(tmp_path / "slicer-5.8", "5.8", sys.executable)
    made, filled = steps
    assert made == [sys.executable, "-m", "venv", str(tmp_path / "slicer-5.8")]
    assert {"numpy==1.26.4", "onnxruntime==1.19.2", "pytest>=8.4"} <= set(filled)


@pytest.mark.usefixtures("steps")
def test_failures_are_told_at_the_end_and_options_reach_pytest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[list[str]] = []

    def pretend(python: Path, options: list[str]) -> int:
        seen.append(options)
        return int("5.8" in str(python))

    monkeypatch.setattr(slicer_pythons, "run_tests", pretend)
    pythons = [f"--python={version}={sys.executable}" for version in slicer_pythons.SLICERS]
    assert slicer_pythons.main([*pythons, f"--environments={tmp_path}", "--", "-k", "runner"]) == 1
    assert seen == [["-k", "runner"]] * 2
    assert capsys.readouterr().out.splitlines()[-1] == "Failed for Slicer 5.8"


def test_another_version_of_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(slicer_pythons.SLICERS, "5.8", slicer_pythons.SLICERS["5.8"]._replace(python="2.7"))
    with pytest.raises(slicer_pythons.NotReady, match=r"is no Python 2\.7; name one with --python 5\.8=PATH$"):
        slicer_pythons.find_python("5.8", sys.executable)


def test_a_missing_interpreter_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lost = tmp_path / "python3.9"
    assert slicer_pythons.main([f"--python=5.8={lost}", f"--environments={tmp_path}"]) == 1
    assert capsys.readouterr().err == f"slicer_pythons.py: error: {lost} is no Python 3.9; " \
                                      "name one with --python 5.8=PATH\n"


@pytest.mark.parametrize("pair", ["5.9=python", "5.8", "5.8="])
def test_an_interpreter_for_no_slicer_is_a_usage_error(pair: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        slicer_pythons.main(["--python", pair])
    assert "5.8=PATH, 5.12=PATH" in capsys.readouterr().err
