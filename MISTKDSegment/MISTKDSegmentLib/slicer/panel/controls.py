"""The named widgets of the panel: what can be used and why not, and what they show (touches qt widgets)."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Optional

from MISTKDSegmentLib.slicer.panel.sentences import breakable


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
        self._parameters: Any = None
        self._tag = 0

    def apply(self, reasons: Mapping[str, Optional[str]]) -> None:
        """Disable the controls that have a reason, and say it in their tooltips."""
        for name, reason in reasons.items():
            self._widgets[name].enabled = reason is None
            self._show_tip(name, reason)

    def say(self, sentence: str) -> None:
        """Show a sentence in the status line; its tooltip has it without the places where words may break."""
        self._widgets["statusLabel"].text = breakable(sentence)
        self._widgets["statusLabel"].toolTip = f"<p>{escape(sentence)}</p>"

    def connect(self, parameters: Any) -> Any:
        """Let the widgets show a MISTKDSegmentParameters and change it.

        Returns:
            The one that is connected: these parameters, or those that were connected before with the same node.
        """
        if self._parameters is not None and self._parameters.parameterNode is parameters.parameterNode:
            # VTK may call the widgets before what they read from is up to date: once for the one, once for the other.
            self._parameters.Modified()
            self._hush(False)
            self._parameters.Modified()
            return self._parameters
        self.disconnect()
        # Slicer never lets go of what was connected once, hence one for each node. Not connectGui: that of Slicer 5.8
        # does not say what disconnectGui wants to know.
        self._parameters, self._tag = parameters, parameters.connectParametersToGui(self._of_parameters())
        return parameters

    def pause(self) -> None:
        """Let the widgets change nothing until the next `connect`."""
        self._hush(True)

    def disconnect(self) -> None:
        """Let go of the parameters; harmless when there are none."""
        self._hush(False)
        if self._parameters is not None:
            self._parameters.disconnectGui(self._tag)
            self._parameters = None

    def _hush(self, hushed: bool) -> None:
        for widget in self._of_parameters().values():
            widget.blockSignals(hushed)

    def _of_parameters(self) -> dict[str, Any]:
        named = ((widget.property("SlicerParameterName"), widget) for widget in self._widgets.values())
        return {name: widget for name, widget in named if name}

    def _show_tip(self, name: str, reason: Optional[str]) -> None:
        # Qt wraps the lines of rich text alone.
        text = f"<p>{escape(self._tips[name])}</p>"
        self._widgets[name].toolTip = text if reason is None else f"{text}<p><b>{escape(reason)}</b></p>"
