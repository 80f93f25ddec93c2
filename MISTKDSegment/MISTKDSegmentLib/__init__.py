"""Abdominal CT segmentation with a distilled transformer.

Examples:
    >>> import MISTKDSegmentLib
    >>> result = MISTKDSegmentLib.segment("my_ct.nii.gz", organs=["liver", "spleen"])
    >>> result
    <Result: my_ct, 2 of 2 organs found: liver ... mL, spleen ... mL>
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"
__all__ = ["Result", "SegmentError", "SegmentOptions", "__version__", "load_model", "segment"]

if TYPE_CHECKING:
    from MISTKDSegmentLib.api.result import Result
    from MISTKDSegmentLib.api.segment import load_model, segment
    from MISTKDSegmentLib.errors import SegmentError
    from MISTKDSegmentLib.inference.options import SegmentOptions

_HOMES = {"Result": "api.result", "SegmentError": "errors", "SegmentOptions": "inference.options",
          "load_model": "api.segment", "segment": "api.segment"}


def __getattr__(name: str) -> Any:
    """Load a name when it is asked for first: Slicer and `mistkd --help` import this package for less."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name not in (f"{__name__}.api", f"{__name__}.{_HOMES[name]}"):
            raise
        raise ImportError(f"{__name__}.{name} does not come with the Slicer extension; use MISTKDSegmentLogic of the "
                          "module MISTKDSegment, or install the project with pip.") from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
