"""Random views of a batch of slices, made on the device that trains: geometry and grey values."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate


@dataclass(frozen=True)
class Augmentation:
    """How far views may stray; 0 switches a kind off. No mirroring: left and right are labels of their own.

    Attributes:
        rotation_degrees: largest rotation in the slice.
        scale: largest factor of enlargement or shrinking.
        shift: largest shift, as a share of the view's sides.
        elastic_pixels: standard deviation of a smooth displacement field.
        gamma: largest exponent (and its inverse) on grey values.
        contrast: largest factor about the mean.
        brightness: largest offset, of a window of 1.
        noise: largest standard deviation of Gaussian noise.
        low_resolution: share of views that lose half of their resolution.
        context_dropout: share of views whose neighbouring slices are replaced by the slice itself.
    """

    rotation_degrees: float = 15.0
    scale: float = 1.25
    shift: float = 0.08
    elastic_pixels: float = 2.0
    gamma: float = 1.4
    contrast: float = 1.3
    brightness: float = 0.1
    noise: float = 0.06
    low_resolution: float = 0.15
    context_dropout: float = 0.1


NO_AUGMENTATION = Augmentation(0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0)


def view(
    image: Tensor, labels: Tensor, size: tuple[int, int], zoom: float, augmentation: Augmentation
) -> tuple[Tensor, Tensor]:
    """Cut a random view out of each item of a batch.

    Args:
        image: uint8 (batch, context, rows, columns), 0 to 255 over the HU window.
        labels: uint8 (batch, rows, columns).
        size: height and width of the view in pixels.
        zoom: pixel spacing of the view over that of the input, e.g. 2.0 / 1.5.
        augmentation: how far to stray; `NO_AUGMENTATION` gives the plain central view.

    Returns:
        image float32 (batch, context, height, width) in [0, 1], labels int64 (batch, height, width).
    """
    grid = _grid(image, size, zoom, augmentation)
    pixels = grid_sample(image.float() / 255, grid, align_corners=False)
    targets = grid_sample(labels[:, None].float(), grid, mode="nearest", align_corners=False)[:, 0].long()
    return _greys(_drop_context(pixels, augmentation.context_dropout), augmentation), targets


def _uniform(count: int, low: float, high: float, device: torch.device) -> Tensor:
    return torch.rand(count, device=device) * (high - low) + low


def _grid(image: Tensor, size: tuple[int, int], zoom: float, augmentation: Augmentation) -> Tensor:
    """Sampling positions (batch, height, width, 2) in the [-1, 1] coordinates of `grid_sample`."""
    batch, device = len(image), image.device
    angle = torch.deg2rad(_uniform(batch, -augmentation.rotation_degrees, augmentation.rotation_degrees, device))
    log_scale = float(torch.tensor(augmentation.scale).log())
    step = zoom * _uniform(batch, -log_scale, log_scale, device).exp()
    half = torch.tensor([size[1], size[0]], device=device) / 2
    # Columns and rows of the view, in input pixels from the centre.
    matrix = torch.zeros(batch, 2, 3, device=device)
    matrix[:, 0, 0], matrix[:, 0, 1] = angle.cos() * step * half[0], -angle.sin() * step * half[1]
    matrix[:, 1, 0], matrix[:, 1, 1] = angle.sin() * step * half[0], angle.cos() * step * half[1]
    matrix[:, :, 2] = _uniform(batch * 2, -2, 2, device).view(batch, 2) * augmentation.shift * half * zoom
    offsets = affine_grid(matrix, [batch, 1, *size], align_corners=False)
    if augmentation.elastic_pixels:
        coarse = torch.randn(batch, 2, 5, 6, device=device) * augmentation.elastic_pixels
        offsets = offsets + interpolate(coarse, size, mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    rows, columns = image.shape[-2:]
    return offsets / torch.tensor([columns / 2, rows / 2], device=device)


def _drop_context(pixels: Tensor, share: float) -> Tensor:
    lone = pixels[:, pixels.shape[1] // 2, None].expand_as(pixels)
    dropped = _uniform(len(pixels), 0, 1, pixels.device) < share
    return torch.where(dropped.view(-1, 1, 1, 1), lone, pixels)


def _greys(pixels: Tensor, augmentation: Augmentation) -> Tensor:
    batch, device = len(pixels), pixels.device

    def each(low: float, high: float) -> Tensor:
        return _uniform(batch, low, high, device).view(-1, 1, 1, 1)

    if augmentation.low_resolution:
        blurred = interpolate(
            interpolate(pixels, scale_factor=0.5, mode="area"), pixels.shape[-2:], mode="bilinear", align_corners=False
        )
        pixels = torch.where(each(0, 1) < augmentation.low_resolution, blurred, pixels)
    log_gamma = float(torch.tensor(augmentation.gamma).log())
    pixels = pixels.clamp_min(1e-4) ** each(-log_gamma, log_gamma).exp()
    mean = pixels.mean((1, 2, 3), keepdim=True)
    contrast = each(1 / augmentation.contrast, augmentation.contrast)
    pixels = (pixels - mean) * contrast + mean + each(-augmentation.brightness, augmentation.brightness)
    if augmentation.noise:
        pixels = pixels + torch.randn_like(pixels) * each(0, 1).square() * augmentation.noise
    return pixels.clamp(0, 1)
