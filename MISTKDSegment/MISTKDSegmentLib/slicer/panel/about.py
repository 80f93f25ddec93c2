"""What the panel says about itself (touches slicer for translations alone)."""

from __future__ import annotations

from html import escape
from typing import Optional

from slicer.i18n import tr as _

from MISTKDSegmentLib import __version__
from MISTKDSegmentLib.model.catalogue import Model

_PAPER = ("Zhang, Wang, Lam, Chow: Medical Image Segmentation Approach via Transformer Knowledge Distillation. "
          "CVIPPR 2023.")
_DOI = "10.1145/3596286.3596292"
CITATION = f'{_PAPER} <a href="https://doi.org/{_DOI}">doi:{_DOI}</a>'


def about(model: Optional[Model]) -> str:
    """Version, citation and licences as rich text."""
    lines = [
        "<b>" + _("MISTKDSegment {version}").format(version=__version__) + "</b>",
        _("Segments the abdomen with a small transformer that was taught by a large one."),
        "<b>" + _("Please cite:") + "</b> " + CITATION,
        "<b>" + _("Licence of the program:") + "</b> Apache-2.0",
    ]
    if model is not None and model.licence:
        lines.append("<b>" + _("Licence of the model {name}:").format(name=escape(model.name)) + "</b> "
                     + escape(model.licence))
    return "".join(f'<p style="margin-top:0; margin-bottom:6px">{line}</p>' for line in lines)
