"""What the whole repository keeps to: old Python, pure core, no data, one test command."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 600  # a busy machine
LIB = ROOT / "MISTKDSegment" / "MISTKDSegmentLib"
TERMINAL_ROOMS = {"MISTKDSegmentLib.cli", "MISTKDSegmentLib.batch"}
TERMINAL_FILES = {"MISTKDSegmentLib.__main__", "MISTKDSegmentLib.report.terminal"}
PICTURE_FILES = {"MISTKDSegmentLib.report.overlay"}
DATA_SUFFIXES = (".nii", ".nii.gz", ".dcm", ".nrrd", ".mha", ".npy", ".npz", ".h5", ".ckpt", ".pt", ".pth")
WEIGHTS_LIMIT_BYTES = 20e6


def lib_files() -> list[Path]:
    return sorted(path for path in LIB.rglob("*.py") if path.relative_to(LIB).parts[0] != "slicer")


def tracked_files() -> list[Path]:
    try:
        names = subprocess.check_output(["git", "-C", str(ROOT), "ls-files", "-z"], encoding="utf-8")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in names.split("\0") if name]


@pytest.mark.parametrize("path", [*LIB.parent.rglob("*.py"), ROOT / "mistkd.py"], ids=lambda path: path.name)
def test_what_slicer_runs_is_python_3_9(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 9))


@pytest.mark.parametrize("path", lib_files(), ids=lambda p: p.relative_to(LIB).as_posix())
def test_annotations_are_never_evaluated(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    nodes = ast.walk(ast.parse(text))
    if any(isinstance(node, ast.AnnAssign) or getattr(node, "returns", None) for node in nodes):
        assert "from __future__ import annotations\n" in text


def imported_with(modules: list[str]) -> set[str]:
    script = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()}


def module_names(leave_out: set[str]) -> list[str]:
    names = [".".join(path.relative_to(LIB.parent).with_suffix("").parts) for path in lib_files()]
    return [name for name in names if name not in leave_out and name.rpartition(".")[0] not in leave_out]


def test_the_core_needs_numpy_simpleitk_and_onnxruntime_only() -> None:
    found = imported_with(module_names(TERMINAL_ROOMS | TERMINAL_FILES | PICTURE_FILES))
    assert not found & {"torch", "slicer", "qt", "vtk", "ctk", "rich", "PIL", "lightning", "Training"}


def test_the_command_line_needs_neither_torch_nor_slicer() -> None:
    found = imported_with(module_names({"MISTKDSegmentLib.__main__"}))
    assert not found & {"torch", "slicer", "qt", "vtk", "ctk", "lightning", "Training"}


def imports_of(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("path", sorted(LIB.rglob("*.py")), ids=lambda p: p.relative_to(LIB).as_posix())
def test_only_the_scene_touches_mrml_and_only_the_panel_touches_qt(path: Path) -> None:
    folder = path.relative_to(LIB).parent.as_posix()
    allowed = {"slicer/scene": {"slicer", "vtk"}, "slicer/panel": {"slicer", "vtk", "qt", "ctk"}}.get(folder, set())
    assert imports_of(path) & {"slicer", "vtk", "qt", "ctk", "torch", "Training"} <= allowed


def test_onnxruntime_is_imported_in_one_place() -> None:
    sources = [path for path in tracked_files() if path.suffix == ".py" and path.exists()]
    assert [path for path in sources if "onnxruntime" in imports_of(path)] == [LIB / "inference" / "onnx_runtime.py"]


@pytest.mark.parametrize("path", sorted(LIB.glob("slicer/*/*.py")), ids=lambda p: p.name)
def test_inside_slicer_the_network_is_never_loaded(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "import onnxruntime" not in text and "MISTKDSegmentLib.inference.runner" not in text


def test_no_scan_and_no_checkpoint_is_in_git() -> None:
    assert [path.name for path in tracked_files() if path.name.endswith(DATA_SUFFIXES)] == []


def test_the_weights_in_git_stay_small() -> None:
    weights = [path for path in tracked_files() if path.suffix == ".onnx" and path.exists()]
    assert sum(path.stat().st_size for path in weights) < WEIGHTS_LIMIT_BYTES


def test_ci_runs_the_test_command_of_the_readme() -> None:
    command = "python3 mistkd.py test"
    assert f"exec {command}\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")


def test_ci_is_executable() -> None:
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o100
