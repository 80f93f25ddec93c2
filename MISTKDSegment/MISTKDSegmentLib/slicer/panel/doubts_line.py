"""One line on what makes a result doubtful, with an explanation for who asks (touches qt widgets)."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from slicer.i18n import tr as _


class DoubtsLine:
    """A QLabel that says what is doubtful in a few words, and unfolds the reasons when *Why?* is clicked.

    Args:
        label: of rich text; hidden where nothing is doubtful.
    """

    def __init__(self, label: Any) -> None:
        self._label = label
        self._doubts: tuple[tuple[str, str], ...] = ()
        self._is_unfolded = False
        label.connect("linkActivated(QString)", self._toggle)
        self._show()

    def refresh(self) -> None:
        """Hide or show the label again, for when a section that it is in has shown all that it holds."""
        self._label.visible = bool(self._doubts)

    def show(self, doubts: Sequence[tuple[str, str]]) -> None:
        """Show these: each a few words, and their explanation."""
        if tuple(doubts) != self._doubts:
            self._doubts, self._is_unfolded = tuple(doubts), False
            self._show()

    def _toggle(self, link: str) -> None:
        self._is_unfolded = not self._is_unfolded
        self._show()

    def _show(self) -> None:
        self._label.text = self._text() if self._doubts else ""
        self.refresh()

    def _text(self) -> str:
        shorts = " · ".join(escape(short) for short, _why in self._doubts)
        link = escape(_("Less") if self._is_unfolded else _("Why?"))
        lines = [f'⚠ <b>{shorts}</b> <a href="why">{link}</a>']
        if self._is_unfolded:
            lines += [f"<b>{escape(short)}.</b> {escape(why)}" for short, why in self._doubts]
        return "".join(f'<p style="margin:0 0 4px 0">{line}</p>' for line in lines)
