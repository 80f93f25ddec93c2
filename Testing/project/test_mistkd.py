"""The bootstrap `mistkd.py`: stamps, repairs and errors, without network."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from MISTKDSegmentLib import __version__

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 600  # a busy machine


@pytest.fixture
def mistkd() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mistkd_under_test", ROOT / "mistkd.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def installed(mistkd: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Records what would be installed; a new environment is an empty `python` file."""
    calls: list[list[str]] = []

    def pretend(command: list[str], failure: str, remedy: str) -> None:
        calls.append(command)
        if command[1:3] == ["-m", "venv"]:
            python = mistkd.program_in(Path(command[3]), "python")
            python.parent.mkdir(exist_ok=True)
            python.touch()

    monkeypatch.setattr(mistkd, "run_quietly", pretend)
    return calls


def made_environments(calls: list[list[str]]) -> int:
    return sum(call[1:3] == ["-m", "venv"] for call in calls)


def test_segmenting_installs_the_project_without_extras(mistkd: ModuleType, installed: list[list[str]],
                                                        tmp_path: Path) -> None:
    mistkd.set_up(tmp_path / "venv", "segment", [])
    assert installed[-1][-2:] == ["--editable", str(ROOT)]


@pytest.mark.parametrize(("options", "extras"), [
    (["a", "--dask", "tcp://a:1"], "[dask]"), (["a", "--dask=tcp://a:1", "--format", "dcm"], "[dask,dicom]"),
    (["a", "--format=dcm"], "[dicom]"), (["a", "--format", "nii.gz", "--workers", "2"], "")])
def test_segmenting_installs_what_its_options_need(mistkd: ModuleType, installed: list[list[str]], tmp_path: Path,
                                                   options: list[str], extras: str) -> None:
    mistkd.set_up(tmp_path / "venv", "segment", mistkd.extras_of_options(options))
    assert installed[-1][-1] == f"{ROOT}{extras}"


def test_what_is_added_later_is_told_as_such(mistkd: ModuleType, installed: list[list[str]], tmp_path: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    venv = tmp_path / "venv"
    for extras in ([], ["dicom"], ["dask"], ["test", "training"]):
        mistkd.set_up(venv, "segment", extras)
    first, second, third, fourth = capsys.readouterr().err.splitlines()
    assert first.startswith(f"Setting up {venv} (once, about 100 MB)") and "PyTorch" not in first
    assert second == f"Adding dicom to {venv} (once, about 15 MB) …"
    assert third == f"Adding dask to {venv} (once, about 6 MB) …"
    assert fourth.startswith(f"Adding test and training to {venv} (once, about 600 MB") and "PyTorch" in fourth
    assert installed[-1][-1] == f"{ROOT}[dask,dicom,test,training]"


@pytest.mark.parametrize(("arguments", "program", "extras"), [
    (["segment", "a.nii.gz", "--quiet"], ["mistkd", "segment", "a.nii.gz", "--quiet"], ""),
    (["segment", "a", "--dask", "tcp://a:1"], ["mistkd", "segment", "a", "--dask", "tcp://a:1"], "[dask]"),
    (["dask", "worker", "tcp://a:1"], ["mistkd", "dask", "worker", "tcp://a:1"], "[dask]"),
    (["distill", "DATA", "--out", "RUN"], ["mistkd", "distill", "DATA", "--out", "RUN"], "[training]"),
    (["test", "-k", "dcm"], ["python", "-m", "Testing", "-k", "dcm"], "[test,training]")])
def test_each_command_is_set_up_and_handed_its_arguments(
    mistkd: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, installed: list[list[str]],
    arguments: list[str], program: list[str], extras: str
) -> None:
    monkeypatch.setattr(mistkd, "environment_folder", lambda: tmp_path / "venv")
    monkeypatch.setattr(mistkd, "hand_over", lambda command: command)
    monkeypatch.setattr(sys, "path", [*sys.path])
    name, *rest = program
    assert mistkd.main(arguments) == [str(mistkd.program_in(tmp_path / "venv", name)), *rest]
    assert installed[-1][-1] == f"{ROOT}{extras}"


def test_setting_up_for_training_names_the_program(
    mistkd: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, installed: list[list[str]],
    capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mistkd, "environment_folder", lambda: tmp_path / "venv")
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert mistkd.main(["setup"]) == 0
    assert capsys.readouterr().out == f"Ready: {mistkd.program_in(tmp_path / 'venv', 'mistkd')} --help\n"
    assert installed[-1][-1] == f"{ROOT}[training]"


def test_a_second_run_installs_nothing(mistkd: ModuleType, installed: list[list[str]], tmp_path: Path,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    mistkd.set_up(tmp_path / "venv", "test", ["test", "training"])
    first, _ = len(installed), capsys.readouterr()
    for extras in (["test", "training"], [], ["training"]):
        mistkd.set_up(tmp_path / "venv", "again", extras)
    assert len(installed) == first
    assert capsys.readouterr().err == ""


def test_a_changed_pyproject_installs_again_and_keeps_the_extras(
    mistkd: ModuleType, installed: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mistkd.set_up(tmp_path / "venv", "setup", ["training"])
    same = mistkd.wanted_stamp
    monkeypatch.setattr(mistkd, "wanted_stamp", lambda extras: {**same(extras), "pyproject": "changed"})
    installed.clear()
    mistkd.set_up(tmp_path / "venv", "segment", [])
    assert installed[-1][-1] == f"{ROOT}[training]"
    assert made_environments(installed) == 0


@pytest.mark.parametrize("key", ["python", "project"])
def test_another_python_or_a_moved_folder_starts_afresh(
    mistkd: ModuleType, installed: list[list[str]], tmp_path: Path, key: str
) -> None:
    mistkd.set_up(tmp_path / "venv", "segment", [])
    stamp = tmp_path / "venv" / mistkd.STAMP
    stamp.write_text(json.dumps({**json.loads(stamp.read_text(encoding="utf-8")), key: "other"}))
    (tmp_path / "venv" / "leftover").mkdir()
    mistkd.set_up(tmp_path / "venv", "segment", [])
    assert made_environments(installed) == 2
    assert not (tmp_path / "venv" / "leftover").exists()


def test_an_interrupted_set_up_is_repaired(mistkd: ModuleType, installed: list[list[str]], tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(venv: Path, extras: list[str]) -> None:
        raise KeyboardInterrupt

    venv = tmp_path / "venv"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(mistkd, "install", interrupt)
        mistkd.set_up(venv, "segment", [])
    mistkd.set_up(venv, "segment", [])
    assert made_environments(installed) == 2
    assert json.loads((venv / mistkd.STAMP).read_text(encoding="utf-8")) == mistkd.wanted_stamp([])


def test_a_deleted_python_is_replaced(mistkd: ModuleType, installed: list[list[str]], tmp_path: Path) -> None:
    mistkd.set_up(tmp_path / "venv", "segment", [])
    mistkd.program_in(tmp_path / "venv", "python").unlink()
    mistkd.set_up(tmp_path / "venv", "segment", [])
    assert made_environments(installed) == 2


def test_a_folder_of_somebody_else_is_never_cleared(mistkd: ModuleType, installed: list[list[str]],
                                                    tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(mistkd.SetupError, match="MISTKD_VENV"):
        mistkd.set_up(tmp_path, "segment", [])
    assert (tmp_path / "thesis.tex").exists()
    assert installed == []


def run_bootstrap(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "mistkd.py"), *arguments]
    environment = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, timeout=PATIENCE_S)


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run_bootstrap("segment", MISTKD_VENV=str(tmp_path / "file" / "venv"))
    assert done.returncode == 1
    error = done.stderr.splitlines()[-1]
    assert error.startswith("mistkd.py: error: ") and "MISTKD_VENV" in error
    assert "Traceback" not in done.stderr


def test_a_failing_step_is_one_sentence_with_its_last_error(mistkd: ModuleType) -> None:
    script = "print('ERROR: no such host'); print('[notice] unrelated'); raise SystemExit(3)"
    with pytest.raises(mistkd.SetupError, match=r"^it failed \(ERROR: no such host\); do that$"):
        mistkd.run_quietly([sys.executable, "-c", script], "it failed", "do that")


@pytest.mark.parametrize(("command", "minor"), [
    ("segment", 8), ("package", 8), ("test", 9), ("setup", 9), ("distill", 9)])
def test_an_old_python_is_named(mistkd: ModuleType, monkeypatch: pytest.MonkeyPatch, command: str, minor: int,
                                capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(mistkd.sys, "version_info", (3, minor, 18))
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert mistkd.main([command]) == 1
    assert f"'{command}' needs Python 3.{minor + 1} or newer" in capsys.readouterr().err


def test_a_python_without_ensurepip_names_the_package_to_install(mistkd: ModuleType,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    find: Callable[[str], object] = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find(name))
    with pytest.raises(mistkd.SetupError, match=r"apt install python3\.\d+-venv"):
        mistkd.check_complete()


def test_the_environment_folder_is_relative_to_the_current_one(mistkd: ModuleType, tmp_path: Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MISTKD_VENV", "elsewhere")
    assert mistkd.environment_folder() == tmp_path / "elsewhere"
    monkeypatch.delenv("MISTKD_VENV")
    assert mistkd.environment_folder() == ROOT / ".venv"


def test_programs_lie_where_windows_has_them(mistkd: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    venv = Path("venv")
    monkeypatch.setattr(mistkd.os, "name", "nt")
    assert mistkd.program_in(venv, "python").parts[-2:] == ("Scripts", "python.exe")


@pytest.mark.skipif(os.name != "posix", reason="the program replaces the bootstrap on POSIX only")
def test_the_exit_code_and_the_folder_of_the_program_are_passed_through(tmp_path: Path) -> None:
    script = "import mistkd, sys; " \
             "mistkd.hand_over([sys.executable, '-c', 'import os; print(os.getcwd()); raise SystemExit(5)'])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=PATIENCE_S)
    assert (done.returncode, done.stdout.strip()) == (5, str(tmp_path.resolve()))


def test_all_checks_run_even_when_one_fails(monkeypatch: pytest.MonkeyPatch,
                                            capsys: pytest.CaptureFixture[str]) -> None:
    from Testing import __main__ as checks

    ran: list[str] = []

    def pretend(command: list[str], cwd: str, env: dict[str, str]) -> int:
        ran.append(command[2])
        return int(command[2] == "ruff")

    monkeypatch.setattr(checks.subprocess, "call", pretend)
    assert checks.run_checks([]) == 1
    assert ran == ["ruff", "mypy", "pytest"]
    assert capsys.readouterr().out.splitlines()[-1] == "Failed: ruff"


def test_an_unknown_command_is_a_usage_error(capfd: pytest.CaptureFixture[str]) -> None:
    unknown = run_bootstrap("segmnet")
    assert unknown.returncode == 2 and unknown.stderr.endswith("mistkd.py: error: there is no command 'segmnet'\n")
    helped = run_bootstrap("--help")
    assert helped.returncode == 0 and "distill" in helped.stdout


def test_packaging_needs_the_standard_library_alone_and_sets_up_nothing(tmp_path: Path) -> None:
    venv, out = tmp_path / "venv", tmp_path / "archives"
    command = [sys.executable, "-S", "-B", str(ROOT / "mistkd.py"), "package", "--slicer", "5.12", "--platform",
               "linux", "--platform", "windows", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=tmp_path, timeout=PATIENCE_S,
                          env={**os.environ, "MISTKD_VENV": str(venv)})
    assert done.returncode == 0, done.stderr
    names = [f"MISTKDSegment-{__version__}-Slicer-5.12-{end}" for end in ("linux.tar.gz", "windows.zip")]
    assert sorted(path.name for path in out.iterdir()) == names
    assert all(str(out / name) in done.stdout for name in names)
    assert not venv.exists()


def test_packaging_into_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run_bootstrap("package", "--slicer", "5.12", "--platform", "linux", "--out", str(tmp_path / "file"))
    assert done.returncode == 1
    assert done.stderr.startswith("mistkd.py: error: ") and done.stderr.endswith("name another folder with --out\n")
    assert len(done.stderr.splitlines()) == 1


def test_packaging_for_a_slicer_that_is_not_known_is_a_usage_error() -> None:
    done = run_bootstrap("package", "--slicer", "4.11")
    assert done.returncode == 2 and "'5.12'" in done.stderr


@pytest.mark.parametrize("revision", ["0", "-1", "5.12", "33000"])
def test_what_is_no_revision_is_refused(revision: str) -> None:
    done = run_bootstrap("package", "--slicer", "5.12", "--platform", "macosx", f"--revision={revision}")
    assert done.returncode == 2 and f"'{revision}' is no revision of Slicer" in done.stderr


def test_the_number_that_slicer_shows_names_its_release(tmp_path: Path) -> None:
    done = run_bootstrap("package", "--slicer", "5.12.3", "--platform", "linux", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [f"MISTKDSegment-{__version__}-Slicer-5.12-linux.tar.gz"]


@pytest.mark.parametrize("options", [[], ["--platform", "linux", "--slicer", "5.12"], ["--platform", "macosx"]])
def test_a_revision_is_refused_where_it_would_mean_nothing(options: list[str]) -> None:
    done = run_bootstrap("package", "--revision", "34999", *options)
    assert done.returncode == 2 and "--revision goes with --platform macosx and one --slicer" in done.stderr
