"""The command line that all scripts share: one line for a mistake, options from a file, exit codes."""

from __future__ import annotations

from importlib import import_module

import pytest

from MISTKDSegmentLib.errors import InputError, OutputError
from Testing.training.test_scripts import SCRIPTS
from Training.cli.command import STOPPED, parse, run_command, script_parser


@pytest.mark.parametrize("options", [["--nonsense", "1"], []])
@pytest.mark.parametrize("script", SCRIPTS)
def test_wrong_or_missing_options(script, options, capsys):
    with pytest.raises(SystemExit) as left:
        import_module(f"Training.{script}").main(options)
    error = capsys.readouterr().err
    assert left.value.code == 2
    assert error.count("\n") == 1 and error.startswith(f"mistkd {script.replace('_', '-')}: error: ")


def test_the_command_line_overrides_a_file(tmp_path):
    parser = script_parser("mistkd try", "", "X")
    parser.add_argument("--out-folder", default="a")
    parser.add_argument("--steps", type=int, default=1)
    (tmp_path / "options.yaml").write_text("out_folder: b\nsteps: 2\n")
    options = parse(parser, ["--config", str(tmp_path / "options.yaml"), "--steps", "3"])
    assert (options.out_folder, options.steps) == ("b", 3)


@pytest.mark.parametrize(("error", "code", "said"), [
    (InputError("no."), 3, "mistkd try: error: no.\n"), (OutputError("full."), 5, "mistkd try: error: full.\n"),
    (KeyboardInterrupt(), STOPPED, "mistkd try: stopped;"),
])
def test_errors_become_exit_codes(error, code, said, capsys):
    def work():
        raise error

    assert run_command("mistkd try", work) == code
    assert capsys.readouterr().err.startswith(said)


def test_success(capsys):
    assert run_command("mistkd try", lambda: print("done")) == 0
    assert capsys.readouterr().out == "done\n"
