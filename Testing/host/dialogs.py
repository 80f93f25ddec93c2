"""Dialogs answered by the test's script: whatever was not announced fails the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Optional, Union

from PySide6 import QtCore, QtWidgets

_DETAILS = "Show Details..."
Answer = Union[str, int, None, list, Callable[[Any], Any]]


class UnexpectedDialog(AssertionError):
    """A dialog came up that the test did not announce."""


@dataclass
class Shown:
    """One dialog as the user would have seen it."""

    kind: str
    title: str
    text: str
    detail: str = ""
    buttons: tuple[str, ...] = ()
    answer: Any = None


@dataclass
class _Expected:
    text: str
    answer: Answer
    kind: Optional[str] = None


@dataclass
class Dialogs:
    """The script of a host: `host.dialogs.expect("Install onnxruntime", "Yes")`; what came is in `shown`."""

    shown: list[Shown] = field(default_factory=list)
    unexpected: list[Shown] = field(default_factory=list)
    opened_urls: list[str] = field(default_factory=list)
    status_messages: list[str] = field(default_factory=list)
    _expected: list[_Expected] = field(default_factory=list)

    def expect(self, text: str, answer: Answer = "Ok", kind: Optional[str] = None) -> None:
        """Announces one dialog.

        Args:
            text: Part of its title, text or detail.
            answer: Name of the button ("Yes", "Cancel", …, or the text of an own button); for a file dialog the
                path (or list of paths, "" for cancelled); for an input dialog the value; or a function that gets the
                real dialog (PySide6) and returns one of these.
            kind: "message", "getOpenFileName", "dialog", "menu", … when the text alone is not enough.
        """
        self._expected.append(_Expected(text, answer, kind))

    @property
    def outstanding(self) -> list[str]:
        """Announced, but not shown yet."""
        return [expected.text for expected in self._expected]

    def executed(self, dialog: QtWidgets.QDialog) -> int:
        """What `exec()` returns."""
        shown = _described(dialog)
        answer = self._answer(shown, dialog)
        if isinstance(dialog, QtWidgets.QMessageBox):
            return _pressed(dialog, shown, answer)
        if isinstance(dialog, QtWidgets.QFileDialog):
            return _files_chosen(dialog, answer)
        accepted = answer in ("Ok", "Yes", "Accept", "Save", "Open", True, 1)
        dialog.done(int(accepted))
        return int(accepted)

    def opened(self, dialog: QtWidgets.QDialog) -> None:
        """A dialog shown without waiting: answered at the next turn of the event loop."""
        QtCore.QTimer.singleShot(0, lambda: self.executed(dialog))

    def message(self, kind: str, title: str, text: str, buttons: Any) -> Any:
        names = tuple(b.name for b in QtWidgets.QMessageBox.StandardButton if b & buttons and _single(b))
        shown = Shown("message", title, text, buttons=names)
        answer = self._answer(shown, None)
        _require(answer in names, shown, answer)
        return QtWidgets.QMessageBox.StandardButton[answer]

    def file(self, kind: str, title: str, directory: str) -> Any:
        answer = self._answer(Shown(kind, title, directory), None)
        if kind == "getOpenFileNames":
            return _paths(answer)
        return str(answer) if answer else ""

    def input(self, kind: str, title: str, label: str) -> Any:
        return self._answer(Shown(kind, title, label), None)

    def menu(self, menu: QtWidgets.QMenu) -> Any:
        texts = tuple(action.text() for action in menu.actions() if action.text())
        shown = Shown("menu", menu.title(), "", buttons=texts)
        answer = self._answer(shown, menu)
        if not answer:
            return None
        _require(answer in texts, shown, answer)
        action = next(action for action in menu.actions() if action.text() == answer)
        action.trigger()
        return action

    def _answer(self, shown: Shown, dialog: Any) -> Any:
        self.shown.append(shown)
        for expected in self._expected:
            if expected.kind in (None, shown.kind) and _matches(expected.text, shown):
                self._expected.remove(expected)
                answer = expected.answer(dialog) if callable(expected.answer) else expected.answer
                shown.answer = answer
                return answer
        self.unexpected.append(shown)
        raise UnexpectedDialog(f"A dialog that the test did not announce: {shown}. Announce it before with "
                               "host.dialogs.expect(text, answer).")


_current: list[Dialogs] = []


def current() -> Dialogs:
    if not _current:
        raise RuntimeError("A dialog came up while no host is open.")
    return _current[-1]


def use(script: Dialogs) -> None:
    _current.append(script)


def forget(script: Dialogs) -> None:
    _current.remove(script)


def _matches(text: str, shown: Shown) -> bool:
    everything = " ".join((shown.title, shown.text, shown.detail, *shown.buttons)).lower()
    return text.lower() in everything


def _described(dialog: QtWidgets.QDialog) -> Shown:
    if isinstance(dialog, QtWidgets.QMessageBox):
        if all(button.text() == _DETAILS for button in dialog.buttons()):
            dialog.addButton(QtWidgets.QMessageBox.StandardButton.Ok)
        buttons = tuple(button.text().replace("&", "") for button in dialog.buttons() if button.text() != _DETAILS)
        text = " ".join(filter(None, (dialog.text(), dialog.informativeText())))
        return Shown("message", dialog.windowTitle().strip(), text, dialog.detailedText(), buttons)
    labels = " ".join(label.text() for label in dialog.findChildren(QtWidgets.QLabel))
    return Shown("dialog", dialog.windowTitle().strip(), labels)


def _pressed(box: QtWidgets.QMessageBox, shown: Shown, answer: Any) -> int:
    for button in box.buttons():
        standard = box.standardButton(button)
        if answer in (button.text().replace("&", ""), standard.name):
            button.click()
            if standard == QtWidgets.QMessageBox.StandardButton.NoButton:
                return box.buttons().index(button)
            box.setResult(standard.value)
            return int(standard.value)
    _require(False, shown, answer)
    return 0


def _files_chosen(dialog: QtWidgets.QFileDialog, answer: Any) -> int:
    paths = _paths(answer)
    dialog.selectedFiles = lambda: paths  # type: ignore[method-assign]
    return int(bool(paths))


def _paths(answer: Any) -> list[str]:
    return [str(path) for path in answer] if isinstance(answer, (list, tuple)) else [str(answer)] * bool(answer)


def _single(button: Any) -> bool:
    return bin(button.value).count("1") == 1


def _require(fine: bool, shown: Shown, answer: Any) -> None:
    if not fine:
        raise UnexpectedDialog(f"The dialog {shown} has no button '{answer}'.")
