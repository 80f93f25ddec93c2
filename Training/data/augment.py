"""Augmentation: random views of a batch of slices, made on the device that trains; geometry and grey values."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate, pad

from Training.data.augmentation import Augmentation

# Shares of views, and ranges, that are not worth an option of their own.
BLUR_SHARE = 0.25
GREY_LEVELS = (8.0, 64.0)
# Points of the elastic field along height and width.
ELASTIC_POINTS = (5, 6)
# Grey values between which vessels and kidneys stand out from liver and spleen in the venous phase: 107 to 195 HU in a
# window of -125 to 275 HU.
ARTERIAL_GREYS = (0.58, 0.8)


def augment(
    image: Tensor,
    labels: Tensor,
    seeds: Tensor,
    size: tuple[int, int],
    zoom: float,
    augmentation: Augmentation,
    own_slice: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Cut a random view out of each item of a batch.

    Args:
        image: uint8 (batch, context, rows, columns), 0 to 255 over the HU window.
        labels: uint8 (batch, rows, columns).
        seeds: int64 (batch,); each decides alone how its item is seen, whatever else is in the batch.
        size: height and width of the view in pixels.
        zoom: pixel spacing of the view over that of the input, e.g. 2.0 / 1.5.
        augmentation: how far to stray; `NO_AUGMENTATION` gives the plain central view, whatever the seeds.
        own_slice: place in the context of the slice that the labels belong to; left out, the middle.

    Returns:
        image float32 (batch, context, height, width) in [0, 1], labels int64 (batch, height, width); outside the
        slice there is air and background.
    """
    random = _RandomStreams(seeds, image.device)
    grid = _grid(image, random, size, zoom, augmentation)
    pixels = grid_sample(image.float(), grid, align_corners=False) / 255
    targets = grid_sample(labels[:, None].float(), grid, mode="nearest", align_corners=False)[:, 0].long()
    own = image.shape[1] // 2 if own_slice is None else own_slice
    return _greys(pixels, own, random, augmentation), targets


class _RandomStreams:
    """Streams of random numbers, one per item and each from its own seed; every draw takes a number from all."""

    def __init__(self, seeds: Tensor, device: torch.device) -> None:
        self.device = device
        self.streams = [torch.Generator().manual_seed(seed) for seed in seeds.tolist()]

    def uniform(self, low: float, high: float) -> Tensor:
        """Numbers (batch, 1, 1, 1) in [low, high)."""
        numbers = torch.cat([torch.rand(1, generator=stream) for stream in self.streams])
        return self._moved(numbers * (high - low) + low).view(-1, 1, 1, 1)

    def factor(self, largest: float) -> Tensor:
        """Factors (batch, 1, 1, 1) between 1 / largest and largest, as likely to enlarge as to shrink."""
        return self.uniform(-math.log(largest), math.log(largest)).exp()

    def some(self, share: float) -> Tensor:
        """Indices of items, each of which is among them with the probability `share`."""
        chosen = torch.cat([torch.rand(1, generator=stream) for stream in self.streams]) < share
        return self._moved(chosen.nonzero()[:, 0])

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers (batch, *shape)."""
        return self._moved(torch.stack([torch.randn(shape, generator=stream) for stream in self.streams]))

    def noise(self, like: Tensor) -> Tensor:
        """Standard normal numbers of the shape of `like`, too many to be made anywhere but on its device."""
        noise = torch.empty_like(like)
        for item, stream in zip(noise, self.streams):
            seed = int(torch.randint(2**62, (), generator=stream))
            item.normal_(generator=torch.Generator(self.device).manual_seed(seed))
        return noise

    def _moved(self, numbers: Tensor) -> Tensor:
        return numbers.to(self.device, non_blocking=True)


def _grid(
    image: Tensor, random: _RandomStreams, size: tuple[int, int], zoom: float, augmentation: Augmentation
) -> Tensor:
    """Sampling positions (batch, height, width, 2) in the [-1, 1] coordinates of `grid_sample`."""
    angle = random.uniform(-augmentation.rotation_degrees, augmentation.rotation_degrees).deg2rad()
    step, stretch = zoom * random.factor(augmentation.scale), random.factor(augmentation.stretch).sqrt()
    # Columns and rows of the view, in pixels of the input from its centre.
    y, x = (torch.arange(n, device=image.device) - (n - 1) / 2 for n in size)
    x, y = x.view(1, 1, 1, -1) * (step * stretch), y.view(1, 1, -1, 1) * (step / stretch)
    columns = angle.cos() * x - angle.sin() * y + _shift(random, size[1] * zoom, augmentation)
    rows = angle.sin() * x + angle.cos() * y + _shift(random, size[0] * zoom, augmentation)
    offsets = torch.cat([columns, rows], 1)
    if augmentation.elastic_pixels:
        coarse = random.normal(2, *ELASTIC_POINTS) * augmentation.elastic_pixels
        offsets = offsets + interpolate(coarse, size, mode="bicubic", align_corners=True)
    halves = torch.tensor([image.shape[3] / 2, image.shape[2] / 2], device=image.device)
    return offsets.permute(0, 2, 3, 1) / halves


def _shift(random: _RandomStreams, side: float, augmentation: Augmentation) -> Tensor:
    return random.uniform(-1, 1) * augmentation.shift * side


def _greys(pixels: Tensor, own_slice: int, random: _RandomStreams, augmentation: Augmentation) -> Tensor:
    """Change grey values in the order in which a scanner does: patient, reconstruction, window, storage."""
    alone = random.some(augmentation.context_dropout)
    pixels[alone] = pixels[alone, own_slice, None].expand_as(pixels[alone])
    if augmentation.phase:
        change = random.uniform(-3, 1) * augmentation.phase
        pixels = change_phase(pixels, change, augmentation.phase_from)
    if augmentation.arterial:
        early, strength = random.some(augmentation.arterial), random.uniform(0.3, 1)
        pixels[early] = brighten_vessels(pixels[early], strength[early])
    coarse = random.some(augmentation.low_resolution)
    if len(coarse):
        pixels[coarse] = _halve_resolution(pixels[coarse])
    soft, deviation = random.some(BLUR_SHARE), random.uniform(0.5, 1) * augmentation.blur_pixels
    if augmentation.blur_pixels and len(soft):
        pixels[soft] = _blur(pixels[soft], deviation[soft])
    air = pixels <= 0
    pixels = _change_window(pixels, random, augmentation)
    if augmentation.noise:
        pixels += random.noise(pixels) * (random.uniform(0, 1).square() * augmentation.noise)
    # Air is so far below the window that neither its ends nor noise make it grey.
    pixels = pixels.masked_fill_(air, 0).clamp_(0, 1)
    few, levels = random.some(augmentation.coarse_greys), random.uniform(*map(math.log, GREY_LEVELS)).exp().round()
    pixels[few] = (pixels[few] * (levels[few] - 1)).round() / (levels[few] - 1)
    return pixels


def change_phase(pixels: Tensor, change: Tensor, phase_from: float) -> Tensor:
    """Lower or raise what contrast medium enhances, most of all two thirds of the way from water to the window's end.

    excess + change * excess^2 * (1 - excess) rises everywhere and has no kink at water for changes from -3 to 1.

    Args:
        pixels: grey values, 0 to 1 over the window.
        change: -3 (all the way from a portal venous phase to none) to 1, of a shape that fits them.
        phase_from: grey value above which contrast medium acts.
    """
    span = 1 - phase_from
    excess = ((pixels - phase_from) / span).clamp(0, 1)
    return pixels + (change * span) * excess.square() * (1 - excess)


def brighten_vessels(pixels: Tensor, strength: Tensor) -> Tensor:
    """Raise what is brighter than liver and spleen towards the window's end.

    Args:
        pixels: grey values, 0 to 1 over the window.
        strength: share of the way, 0 to 1, of a shape that fits them.
    """
    low, high = ARTERIAL_GREYS
    share = ((pixels - low) / (high - low)).clamp(0, 1)
    return pixels + strength * (1 - pixels) * share.square() * (3 - 2 * share)


def _halve_resolution(pixels: Tensor) -> Tensor:
    half = interpolate(pixels, scale_factor=0.5, mode="area")
    return interpolate(half, pixels.shape[-2:], mode="bilinear", align_corners=False)


def _blur(pixels: Tensor, deviation: Tensor) -> Tensor:
    """Gaussian blur of each item with its own standard deviation (batch, 1, 1, 1) in pixels."""
    radius = 3
    weights = [torch.exp(-(k**2) / (2 * deviation**2)) for k in range(-radius, radius + 1)]
    total = torch.stack(weights).sum(0)
    for axis, border in ((2, (0, 0, radius, radius)), (3, (radius, radius, 0, 0))):
        padded = pad(pixels, border, mode="replicate")
        length = pixels.shape[axis]
        parts = [weight / total * padded.narrow(axis, k, length) for k, weight in enumerate(weights)]
        pixels = torch.stack(parts).sum(0)
    return pixels


def _change_window(pixels: Tensor, random: _RandomStreams, augmentation: Augmentation) -> Tensor:
    """Gamma, contrast about the mean, brightness, and the ends of the window."""
    if augmentation.gamma != 1:
        pixels = pixels.clamp_min(0) ** random.factor(augmentation.gamma)
    # Item by item: a sum over the batch may add in another order when the batch is another one.
    mean = torch.stack([item.mean() for item in pixels]).view(-1, 1, 1, 1)
    factor = random.uniform(1 / augmentation.contrast, augmentation.contrast)
    lower, upper = (random.uniform(-1, 1) * augmentation.window for _ in range(2))
    offset = mean * (1 - factor) + random.uniform(-1, 1) * augmentation.brightness - lower
    scale = 1 / (1 + upper - lower)
    return pixels * (factor * scale) + offset * scale
