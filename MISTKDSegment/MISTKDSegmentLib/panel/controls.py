"""Enables and disables controls, and lets their tooltips say why (touches qt widgets)."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Optional


class Controls:
    """The named widgets of the panel.

    Args:
        ui: has each of them as an attribute.
    """

    def __init__(self, ui: Any) -> None:
        self._widgets = vars(ui)
        # Among the named things are layouts, which have none.
        self._tips = {name: widget.toolTip for name, widget in self._widgets.items() if getattr(widget, "toolTip", "")}
        for name in self._tips:
            self._show_tip(name, None)

    def apply(self, reasons: Mapping[str, Optional[str]]) -> None:
        """Disable the controls that have a reason, and say it in their tooltips."""
        for name, reason in reasons.items():
            self._widgets[name].enabled = reason is None
            self._show_tip(name, reason)

    def _show_tip(self, name: str, reason: Optional[str]) -> None:
        # Qt wraps the lines of rich text alone.
        text = f"<p>{escape(self._tips[name])}</p>"
        self._widgets[name].toolTip = text if reason is None else f"{text}<p><b>{escape(reason)}</b></p>"
