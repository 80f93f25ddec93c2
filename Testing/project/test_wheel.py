"""The distribution: what a wheel holds and what an installation offers."""

from __future__ import annotations

import sys
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from MISTKDSegmentLib import __version__

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    builder = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed here")
    folder = tmp_path_factory.mktemp("wheel")
    files = builder.WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return zipfile.ZipFile(next(files))


def test_the_wheel_holds_both_packages_and_the_models(wheel: zipfile.ZipFile) -> None:
    module = ROOT / "MISTKDSegment"
    wanted = {path.relative_to(module).as_posix() for path in (module / "MISTKDSegmentLib").rglob("*.py")}
    wanted |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "Training").rglob("*.py")}
    wanted |= {f"MISTKDSegmentLib/{path.relative_to(module).as_posix()}"
               for path in (module / "Resources" / "Models").rglob("*") if path.is_file()}
    assert wanted <= set(wheel.namelist())


def test_the_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    assert {name.split("/")[0] for name in wheel.namelist()} == {
        "MISTKDSegmentLib", "Training", f"mistkdsegment-{__version__}.dist-info"}


def test_the_wheel_carries_the_licence(wheel: zipfile.ZipFile) -> None:
    licence = wheel.read(f"mistkdsegment-{__version__}.dist-info/licenses/LICENSE").decode()
    assert "Apache License" in licence and "TERMS AND CONDITIONS" in licence


def test_segmenting_does_not_require_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    training = project["optional-dependencies"]["training"]
    assert not any("torch" in requirement for requirement in project["dependencies"])
    # An open range would float to a release that has no CPU wheel, and several GB of CUDA with it.
    assert any(requirement.startswith("torch==") for requirement in training)


def test_the_command_line_is_installed() -> None:
    scripts = {script.name: script.value for script in entry_points(group="console_scripts")}
    if "mistkd" not in scripts:
        pytest.skip("the project is not installed in this environment")
    assert scripts["mistkd"] == "MISTKDSegmentLib.cli.main:main" and "mistkd-segment" not in scripts
