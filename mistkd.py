"""One command on a machine with nothing but Python: sets up `.venv` beside this file, then does the work.

python3 mistkd.py segment [CT ...] [options]  segments CT scans, or a made-up one when none is given
python3 mistkd.py test [pytest options]       runs ruff, mypy and the tests
python3 mistkd.py setup                       installs what training needs, and says where the program `mistkd` is
python3 mistkd.py package [options]           writes the archives that 3D Slicer installs; sets up nothing
python3 mistkd.py COMMAND [options]           any other command of `mistkd`: `python3 mistkd.py --help` lists them

The environment variable MISTKD_VENV names another folder than `.venv`.
"""

# Quoted annotations and no __future__ import: so that even a very old Python gets as far as our message.

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
OLDEST_PYTHON, OLDEST_FOR_TRAINING = (3, 9), (3, 10)
EXTRAS = {"test": ["test", "training"], "setup": ["training"]}
# What options of `segment` need.
EXTRAS_OF_OPTIONS = {"--dask": "dask", "--dask=": "dask", "dcm": "dicom", "--format=dcm": "dicom"}
PROJECT_MB, EXTRAS_MB = 100, {"dask": 6, "dicom": 15, "test": 200, "training": 400}
STAMP = "mistkd-setup.json"
UNFINISHED: "dict" = {}


class SetupError(Exception):
    """The environment cannot be made; the message is one sentence with the remedy."""


def main(arguments: "list[str]") -> int:
    """Runs a command and returns its exit code."""
    try:
        check_version(arguments[0] if arguments else "mistkd.py", OLDEST_PYTHON)
        # With `python -P` this file's folder would not be found by itself.
        sys.path[:0] = [str(ROOT / "MISTKDSegment"), str(ROOT)]
        from MISTKDSegmentLib.cli.main import COMMANDS, list_commands, run_command

        if not arguments or arguments[0] not in {*COMMANDS, *EXTRAS}:
            return show_usage(arguments, list_commands())
        command, options = arguments[0], arguments[1:]
        if command == "package":
            return run_command(command, options)
        venv, extra = environment_folder(), COMMANDS[command].extra if command in COMMANDS else ""
        extras = EXTRAS.get(command, [extra] if extra else [])
        set_up(venv, command, extras_of_options(options) if command == "segment" else extras)
    except SetupError as error:
        print(f"mistkd.py: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("mistkd.py: stopped; the next run repairs the set-up", file=sys.stderr)
        return 130
    if command == "test":
        return hand_over([str(program_in(venv, "python")), "-m", "Testing", *options])
    if command == "setup":
        print(f"Ready: {program_in(venv, 'mistkd')} --help")
        return 0
    return hand_over([str(program_in(venv, "mistkd")), command, *options])


def show_usage(arguments: "list[str]", commands: str) -> int:
    """Says what there is to do; the exit code tells whether that was asked for."""
    asked_for_help = arguments[:1] in (["-h"], ["--help"])
    print(f"{__doc__}\n{commands}", file=sys.stdout if asked_for_help else sys.stderr)
    if arguments and not asked_for_help:
        print(f"mistkd.py: error: there is no command '{arguments[0]}'", file=sys.stderr)
    return 0 if asked_for_help else 2


def environment_folder() -> Path:
    """The virtual environment: MISTKD_VENV, or `.venv` beside this file."""
    return Path(os.environ.get("MISTKD_VENV") or ROOT / ".venv").expanduser().absolute()


def program_in(venv: Path, name: str) -> Path:
    """Path of a program inside a virtual environment."""
    return venv / "Scripts" / (name + ".exe") if os.name == "nt" else venv / "bin" / name


def set_up(venv: Path, command: str, extras: "list[str]") -> None:
    """Makes, updates or repairs the environment; does nothing when it already serves the command.

    Args:
        venv: its folder.
        command: for the message.
        extras: of the project that the command needs.

    Raises:
        SetupError: Python is too old or incomplete, the folder is somebody else's, or pip failed.
    """
    check_version(command, OLDEST_FOR_TRAINING if "training" in extras else OLDEST_PYTHON)
    check_complete()
    old, new = read_stamp(venv), wanted_stamp(extras)
    usable = program_in(venv, "python").exists() and all(old.get(k) == new[k] for k in ("project", "python"))
    if usable and old["pyproject"] == new["pyproject"] and set(new["extras"]) <= set(old["extras"]):
        return
    same = usable and old["pyproject"] == new["pyproject"]
    print(what_is_set_up(venv, set(new["extras"]) - set(old["extras"] if same else []), same), file=sys.stderr,
          flush=True)
    if usable:
        new["extras"] = sorted({*old["extras"], *new["extras"]})
    else:
        create(venv)
    install(venv, new["extras"])
    write_stamp(venv, new)


def what_is_set_up(venv: Path, extras: "set[str]", is_added: bool) -> str:
    """The line that tells what is downloaded: with extras, or extras that are added to what is there."""
    size_mb = sum(EXTRAS_MB[extra] for extra in extras) + (0 if is_added else PROJECT_MB)
    more = "; several GB where pip finds the CUDA build of PyTorch alone" if "training" in extras else ""
    what = f"Adding {' and '.join(sorted(extras))} to" if is_added else "Setting up"
    return f"{what} {venv} (once, about {size_mb} MB{more}) …"


def check_version(command: str, oldest: "tuple[int, int]") -> None:
    """Refuses a Python that is too old."""
    if sys.version_info < oldest:
        raise SetupError(f"'{command}' needs Python {oldest[0]}.{oldest[1]} or newer, and this is "
                         f"{sys.version.split()[0]}; run it with a newer python3")


def check_complete() -> None:
    """Refuses a Python that cannot make virtual environments."""
    if any(importlib.util.find_spec(module) is None for module in ("venv", "ensurepip")):
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise SetupError("this Python cannot make virtual environments; install its venv module first "
                         f"(Debian and Ubuntu: sudo apt install python{version}-venv)")


def extras_of_options(options: "list[str]") -> "list[str]":
    """The extras that options of `segment` need."""
    return sorted({extra for option in options for start, extra in EXTRAS_OF_OPTIONS.items()
                   if option == start or (start.endswith("=") and option.startswith(start))})


def wanted_stamp(extras: "list[str]") -> "dict":
    """What the environment must have been made from to be used as it is."""
    return {
        "project": str(ROOT),
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "pyproject": hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest(),
        "extras": extras,
    }


def read_stamp(venv: Path) -> "dict":
    """The stamp of an environment; empty where set-up never finished.

    Raises:
        SetupError: the folder holds something that this program did not make, and must not clear.
    """
    try:
        return dict(json.loads((venv / STAMP).read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        return dict(UNFINISHED)
    except OSError:
        if venv.exists() and (not venv.is_dir() or any(venv.iterdir())):
            raise SetupError(f"{venv} was not made by mistkd.py; remove it, or name another folder in the "
                             "environment variable MISTKD_VENV") from None
        return dict(UNFINISHED)


def write_stamp(venv: Path, stamp: "dict") -> None:
    """Records what the environment was made from."""
    (venv / STAMP).write_text(json.dumps(stamp, indent=1), encoding="utf-8")


def create(venv: Path) -> None:
    """Makes an empty environment in place of whatever an earlier set-up left there."""
    try:
        venv.mkdir(parents=True, exist_ok=True)
        write_stamp(venv, UNFINISHED)
        for leftover in venv.iterdir():
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover)
            elif leftover.name != STAMP:
                leftover.unlink()
    except OSError as error:
        raise SetupError(f"{venv} cannot be written ({error.strerror}); name another folder in the "
                         "environment variable MISTKD_VENV") from error
    run_quietly([sys.executable, "-m", "venv", str(venv)], f"no virtual environment could be made in {venv}",
                "check the free disk space and that Python is complete")


def install(venv: Path, extras: "list[str]") -> None:
    """Installs the project, editable, with its extras."""
    pip = [str(program_in(venv, "python")), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    project = f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)
    # The pip of early Python 3.9 cannot install a pyproject.toml project editable.
    for what in (["pip>=23"], ["--editable", project]):
        run_quietly(pip + what, "pip could not install what is needed",
                    "check the network or the proxy settings (HTTPS_PROXY) and run the same command again")


def run_quietly(command: "list[str]", failure: str, remedy: str) -> None:
    """Runs a set-up step and turns a failure into one sentence with the step's own last error line."""
    environment = {**os.environ, "PIP_USER": "0"}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
    if done.returncode:
        lines = [line.strip() for line in done.stdout.decode(errors="replace").splitlines()]
        errors = [line for line in lines if line.lower().startswith("error")]
        raise SetupError(f"{failure} ({errors[-1] if errors else f'exit code {done.returncode}'}); {remedy}")


def hand_over(command: "list[str]") -> int:
    """Lets the program take this one's place, so that signals and the exit code are its own."""
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(command[0], command)
    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # it got the same Ctrl-C and tidies up by itself
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
