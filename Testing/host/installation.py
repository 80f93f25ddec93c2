"""Puts the stand-ins where `import slicer, qt, ctk` finds them, and takes every one of them away again."""

from __future__ import annotations

import locale
import os
import sys
import types
from pathlib import Path
from typing import Any

from Testing.host import api as api_module
from Testing.host import dialogs

# Constants that slicer.util has beside what the API file lists.
_UTIL_CONSTANTS = {"EXIT_SUCCESS", "EXIT_FAILURE", "TESTING_DATA_URL", "DATA_STORE_URL"}


class Installation:
    """What the host put into this process, with what was there before."""

    def __init__(self) -> None:
        self._modules: dict[str, Any] = {}
        self._attributes: list[tuple[Any, str, Any]] = []
        self._path = os.environ.get("PATH", "")
        self._sys_path = list(sys.path)
        self._loaded = dict(sys.modules)
        self._locale = locale.setlocale(locale.LC_ALL)

    def module(self, name: str, module: types.ModuleType) -> None:
        self._modules[name] = sys.modules.get(name)
        sys.modules[name] = module

    def attribute(self, owner: Any, name: str, value: Any) -> None:
        self._attributes.append((owner, name, owner.__dict__.get(name, _Missing)))
        setattr(owner, name, value)

    def hide(self, owner: Any, name: str) -> None:
        self._attributes.append((owner, name, owner.__dict__[name]))
        delattr(owner, name)

    def path_first(self, folder: Path) -> None:
        os.environ["PATH"] = f"{folder}{os.pathsep}{self._path}"

    def remove(self, packages: tuple[str, ...]) -> None:
        """Everything as it was: what was imported of these packages meanwhile, or anew, is forgotten."""
        for owner, name, before in reversed(self._attributes):
            if before is _Missing:
                if name in owner.__dict__:
                    delattr(owner, name)
            else:
                setattr(owner, name, before)
        for name, before in self._modules.items():
            if before is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = before
        self._restore_packages(packages)
        os.environ["PATH"] = self._path
        sys.path[:] = self._sys_path
        locale.setlocale(locale.LC_ALL, self._locale)  # Qt and Slicer set another one


    def _restore_packages(self, packages: tuple[str, ...]) -> None:
        def ours(name: str) -> bool:
            return name.partition(".")[0] in packages
        for name in [name for name in sys.modules if ours(name) and name not in self._loaded]:
            del sys.modules[name]
            package, _, last = name.rpartition(".")
            if package in sys.modules:  # or `from package import last` would find it still
                vars(sys.modules[package]).pop(last, None)
        sys.modules.update({name: module for name, module in self._loaded.items() if ours(name)})


class _Missing:
    """Stands for "there was nothing"."""


def checked_util(util: types.ModuleType) -> types.ModuleType:
    """slicer.util with the names that a real Slicer 5.12 has; the functions are Slicer's own."""
    from Testing.host.qt_classes import CheckedModule
    made = CheckedModule("slicer.util")
    allowed = set(api_module.python_names("slicer.util")) | _UTIL_CONSTANTS
    for name in allowed:
        if hasattr(util, name):
            setattr(made, name, getattr(util, name))
    # Slicer's closes by itself: nobody answers it.
    made.delayDisplay = _delay_display  # type: ignore[attr-defined]
    made.__file__ = util.__file__
    return made


def _delay_display(message: str, autoCloseMsec: int = 1000, parent: Any = None, **kwargs: Any) -> None:
    import slicer
    dialogs.current().status_messages.append(message)
    slicer.app.processEvents()


def write_python_slicer(folder: Path) -> Path:
    """A program `PythonSlicer` that runs this Python, as Slicer's own starts Slicer's."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "PythonSlicer"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return script
