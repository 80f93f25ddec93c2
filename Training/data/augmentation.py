"""Settings of the augmentation: how far random views of slices may stray."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from Training.system.ranges import Factor, NonNegative, Range, Share


@dataclass(frozen=True)
class Augmentation:
    """Limits of random views; NO_AUGMENTATION has the values that switch each kind off.

    There is no mirroring: left and right kidney are labels of their own, and a mirrored abdomen, liver on the left,
    is not what a network will be shown.

    Attributes:
        rotation_degrees: largest rotation in the slice, in degrees; 0 for none.
        scale: largest factor of enlargement or shrinking; 1 for none.
        stretch: largest ratio between the scales along the view's two sides, for bodies of other build; 1 for none.
        shift: largest shift, as a share of the view's sides; 0 for none.
        elastic_pixels: standard deviation of a smooth displacement field, in pixels of the prepared slices; 0 for
            none.
        phase: how far contrast medium may come or go, 0 for not at all to 1: tissue that is brighter than
            `phase_from` moves down by up to 0.3 times `phase` of the window (1 is about the way from a portal venous
            phase to none) or up by a third of that; fat and air, and bone at the window's upper end, stay.
        phase_from: grey value, 0 to 1 over the window, above which contrast medium acts; 0.31 is water in a window
            of -125 to 275 HU.
        arterial: share of views, 0 to 1, in which what is brighter than liver and spleen (aorta, kidneys) moves up to
            the window's end, by 0.3 to 1 of the way, as it does in the arterial phase.
        low_resolution: share of views, 0 to 1, that lose half of their resolution.
        blur_pixels: largest standard deviation of a Gaussian blur, in pixels of the view, for a quarter of the
            views; 0 for none.
        gamma: largest exponent (and its inverse) on grey values; 1 for none.
        contrast: largest factor (and its inverse) about the view's mean; 1 for none.
        brightness: largest offset, as a share of the window; 0 for none.
        window: largest move, of the lower and the upper end of the HU window independently, as a share of the
            window; 0 for none.
        noise: largest standard deviation of Gaussian noise, as a share of the window; 0 for none.
        coarse_greys: share of views, 0 to 1, that keep only 8 to 64 grey levels.
        context_dropout: share of views, 0 to 1, whose neighbouring slices are replaced by the slice itself, so that
            a lone slice is nothing new.
    """

    rotation_degrees: Annotated[float, Range(0, 180)] = 15.0
    scale: Factor = 1.25
    stretch: Factor = 1.15
    shift: Share = 0.08
    elastic_pixels: NonNegative = 2.0
    phase: Share = 0.7
    phase_from: Annotated[float, Range(0, 0.99)] = 0.31
    arterial: Share = 0.2
    low_resolution: Share = 0.15
    blur_pixels: NonNegative = 1.0
    gamma: Factor = 1.4
    contrast: Factor = 1.3
    brightness: Share = 0.1
    window: Annotated[float, Range(0, 0.4)] = 0.06
    noise: Share = 0.06
    coarse_greys: Share = 0.1
    context_dropout: Share = 0.1


NO_AUGMENTATION = Augmentation(
    rotation_degrees=0.0,
    scale=1.0,
    stretch=1.0,
    shift=0.0,
    elastic_pixels=0.0,
    phase=0.0,
    arterial=0.0,
    low_resolution=0.0,
    blur_pixels=0.0,
    gamma=1.0,
    contrast=1.0,
    brightness=0.0,
    window=0.0,
    noise=0.0,
    coarse_greys=0.0,
    context_dropout=0.0,
)
