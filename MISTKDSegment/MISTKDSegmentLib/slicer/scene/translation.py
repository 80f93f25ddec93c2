"""The translation of messages (touches slicer): Slicer's own, or none where MRML runs without the application."""

from __future__ import annotations

try:
    from slicer.i18n import tr as _
except ImportError:

    def _(text: str) -> str:
        return text

__all__ = ["_"]
