"""The program `mistkd`: its commands, and that each needs no more than it has to."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from MISTKDSegmentLib import __version__
from MISTKDSegmentLib.cli import main as program
from MISTKDSegmentLib.cli.main import COMMANDS, main

PATIENCE_S = 600  # a busy machine


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The arguments that a command gets; the command is made up, and ends with code 7."""
    seen: list[list[str]] = []

    def run(arguments: list[str]) -> int:
        seen.append(arguments)
        return 7

    monkeypatch.setattr(program, "import_module", lambda name: SimpleNamespace(main=run))
    return seen


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_gets_its_arguments_and_gives_its_code(ran: list[list[str]], name: str) -> None:
    assert main([name, "a", "--out", "b"]) == 7
    assert ran == [["a", "--out", "b"]]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_its_module(name: str) -> None:
    command = COMMANDS[name]
    if command.module.startswith("Training.") and find_spec("Training") is None:
        pytest.skip("the training package is not here")
    assert find_spec(command.module) is not None


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert all(any(line.startswith(f"  {name} ") for line in printed) for name in COMMANDS)
    assert max(map(len, printed)) <= 100


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"mistkd {__version__}\n"


@pytest.mark.parametrize(("arguments", "why"), [([], "no command is given"), (["segmnet"], "no command 'segmnet'"),
                                                (["--colour"], "no command '--colour'")])
def test_what_is_no_command_is_one_line_and_code_2(arguments: list[str], why: str,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("mistkd: error: ") and why in lines[0]


@pytest.mark.parametrize(("name", "missing", "what"), [
    ("distill", "lightning", "[training]"), ("dask", "distributed", "[dask]"), ("segment", "PIL", '"pillow"')])
def test_a_missing_package_is_one_sentence_with_the_pip_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, missing: str, what: str
) -> None:
    def refuse(module: str) -> None:
        raise ModuleNotFoundError(f"No module named '{missing}.sub'", name=f"{missing}.sub")

    monkeypatch.setattr(program, "import_module", refuse)
    assert main([name]) == 2
    line, = capsys.readouterr().err.splitlines()
    assert line.startswith(f"mistkd {name}: error: needs the Python package {missing}; install it with ")
    assert f'"{sys.executable}" -m pip install ' in line and what in line


def test_a_file_of_ours_that_is_missing_is_no_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(module: str) -> None:
        raise ModuleNotFoundError("No module named 'MISTKDSegmentLib.gone'", name="MISTKDSegmentLib.gone")

    monkeypatch.setattr(program, "import_module", refuse)
    with pytest.raises(ModuleNotFoundError, match="gone"):
        main(["segment"])


def test_training_on_an_old_python_is_refused(monkeypatch: pytest.MonkeyPatch, ran: list[list[str]],
                                              capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(program.sys, "version_info", (3, 9, 18))
    assert main(["distill"]) == 2 and ran == []
    assert "mistkd distill: error: needs Python 3.10 or newer" in capsys.readouterr().err
    assert main(["segment"]) == 7


def modules_of(*arguments: str) -> set[str]:
    """Top-level modules that a run of the program has imported when it ends."""
    script = ("import sys\nfrom MISTKDSegmentLib.cli.main import main\n"
              "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\nprint('modules:', *sys.modules)")
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, encoding="utf-8",
                          timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in done.stdout.split("modules:")[1].split()}


@pytest.mark.parametrize("arguments", [["--help"], ["segment", "--help"], ["segment", "--threads", "no"],
                                       ["package", "-h"]])
def test_help_needs_the_standard_library_alone(arguments: list[str]) -> None:
    heavy = {"numpy", "SimpleITK", "onnxruntime", "rich", "PIL", "torch", "distributed", "asyncio", "multiprocessing"}
    assert not modules_of(*arguments) & heavy
