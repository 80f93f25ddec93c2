"""The commands: they run as files in a clone, and take what the documentation writes."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from Training.cli.command import parse
from Training.cli.training_options import recipe_of, training_parser
from Training.data.label_map import read_label_map_file
from Training.data.organs import read_organs

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "Resources" / "Documentation").glob("*.md"))
SCRIPTS = ("prepare", "train_teacher", "distill", "ablate", "crossvalidate", "evaluate", "compare", "postprocess",
           "calibrate", "export", "card", "release")


def blocks(page: Path, kind: str) -> list[str]:
    """Code blocks of a page, by what stands behind their first backticks."""
    return re.findall(rf"^```{kind}\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)


def commands() -> list[str]:
    """Every command of the pages that calls a script of Training."""
    text = "\n".join(block for page in PAGES for block in blocks(page, "")).replace("\\\n", " ")
    names = "|".join(name.replace("_", "-") for name in SCRIPTS)
    return re.findall(rf"^\S*mistkd ((?:{names}) [^|\n]*)$", text, re.M)


def test_the_pages_have_commands():
    assert {command.split()[0] for command in commands()} >= {"prepare", "distill", "evaluate", "release", "ablate"}


@pytest.mark.parametrize("command", commands())
def test_commands_of_the_pages_are_understood(command, monkeypatch):
    name, *options = shlex.split(command)
    script = import_module(f"Training.{name.replace('-', '_')}")
    asked = []
    monkeypatch.setattr(script, "run_command", lambda name, work: asked.append(name) or 0)
    assert script.main(options) == 0 and asked == [f"mistkd {name}"]


def test_files_in_the_pages_are_understood(tmp_path):
    read = []
    for block in (block for page in PAGES for block in blocks(page, "yaml")):
        path = tmp_path / "file.yaml"
        path.write_text(block, encoding="utf-8")
        content = yaml.safe_load(block)
        if isinstance(content, list):
            read.append(len(read_organs(path)))
        elif "sides" in content:
            read.append(len(read_label_map_file(path).organs))
        else:
            recipe_of(parse(training_parser("mistkd distill", ""), ["data", "--out", "run", "--config", str(path)]))
            read.append(content.keys())
    assert len(read) == 4


def test_scripts_run_from_a_clone(tmp_path):
    code = f"""
import contextlib, io, runpy, sys
# The environment may lie within the clone.
sys.path[:] = [path for path in sys.path if not path.startswith({str(ROOT)!r}) or "site-packages" in path]
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in str(finder).lower()]
installed = list(sys.path)
for name in {SCRIPTS!r}:
    sys.path[:] = [{str(ROOT / "Training")!r}, *installed]
    sys.argv = [name, "--help"]
    for module in [module for module in sys.modules if module.split(".")[0] in ("Training", "clone")]:
        del sys.modules[module]
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        runpy.run_path({str(ROOT / "Training")!r} + "/" + name + ".py", run_name="__main__")
    assert "usage: mistkd " + name.replace("_", "-") in shown.getvalue(), name
    assert sys.modules["Training"].__file__.startswith({str(ROOT)!r})
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
