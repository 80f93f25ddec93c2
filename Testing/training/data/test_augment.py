"""Views: image and labels move together, left stays left, seeds decide alone, and switched off means untouched."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from Training.data.augment import augment
from Training.data.augmentation import NO_AUGMENTATION, Augmentation

WATER, FAT = 0.31, 0.06


def batch(count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """A bright square, label 1, in the upper left quarter of a 64 x 96 canvas; three equal context slices."""
    labels = torch.zeros(count, 64, 96, dtype=torch.uint8)
    labels[:, 12:28, 20:44] = 1
    return (labels * 255)[:, None].repeat(1, 3, 1, 1), labels


def ramp(count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Grey values 0 to 255 from left to right, the same in each of 64 rows; no labels."""
    image = torch.arange(256, dtype=torch.uint8).expand(count, 1, 64, 256)
    return image, torch.zeros(count, 64, 256, dtype=torch.uint8)


def seeds(count: int = 2, first: int = 0) -> torch.Tensor:
    return torch.arange(first, first + count)


def grey_views(augmentation: Augmentation, count: int = 64) -> torch.Tensor:
    """Views of the ramp, (count, 256): what becomes of each grey value."""
    pixels, _ = augment(*ramp(count), seeds(count), (64, 256), 1.0, augmentation)
    return pixels[:, 0, 32]


def test_plain_view_is_the_input():
    image, labels = augment(*batch(), seeds(), (64, 96), 1.0, NO_AUGMENTATION)
    torch.testing.assert_close(image, batch()[0] / 255, atol=1e-5, rtol=0)
    assert torch.equal(labels, batch()[1].long())


def test_plain_view_ignores_seeds():
    plain, other = (augment(*batch(), seeds(2, first), (64, 96), 1.5, NO_AUGMENTATION)[0] for first in (0, 7))
    assert torch.equal(plain, other)


def test_zoom():
    _, labels = augment(*batch(), seeds(), (32, 48), 2.0, NO_AUGMENTATION)
    assert torch.equal(labels, batch()[1][:, ::2, ::2].long())


def test_air_around_the_canvas():
    image, labels = augment(*batch(), seeds(), (128, 128), 1.0, NO_AUGMENTATION)
    assert image[:, :, :31].max() < 1e-3 and not labels[:, :31].any()
    assert labels.sum() == batch()[1].sum()


def test_ignored_pixels_stay_ignored():
    image, labels = batch(16)
    labels[labels == 1] = 255
    _, targets = augment(image, labels, seeds(16), (64, 96), 1.0, Augmentation())
    assert set(targets.unique().tolist()) == {0, 255}


def test_image_and_labels_move_together():
    geometry = replace(NO_AUGMENTATION, rotation_degrees=15.0, scale=1.25, stretch=1.2, shift=0.1, elastic_pixels=2.0)
    image, labels = augment(*batch(16), seeds(16), (64, 96), 1.0, geometry)
    bright = image[:, 1] > 0.5
    dice = 2 * (bright & (labels == 1)).sum() / (bright.sum() + labels.sum())
    assert dice > 0.97
    assert not torch.equal(labels[0], labels[1])


def test_nothing_is_mirrored():
    _, labels = augment(*batch(64), seeds(64), (64, 96), 1.0, Augmentation())
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(96.0), indexing="ij")
    for item in labels:
        weight = (item == 1).float()
        assert (weight * columns).sum() / weight.sum() < 48
        assert (weight * rows).sum() / weight.sum() < 36


def test_stretch_within_bounds():
    _, labels = augment(*batch(64), seeds(64), (64, 96), 1.0, replace(NO_AUGMENTATION, stretch=1.3))
    heights, widths = ((labels == 1).any(axis).sum(1) for axis in (2, 1))
    ratios = widths / heights / (24 / 16)
    assert ratios.min() < 0.85 and ratios.max() > 1.15
    assert ratios.min() > 0.65 and ratios.max() < 1.5  # 1.3 and a pixel at each border


@pytest.mark.parametrize("size", [(64, 96), (40, 72)])
def test_views_do_not_depend_on_the_batch(size):
    torch.manual_seed(0)
    image = torch.randint(0, 256, (8, 3, 64, 96), dtype=torch.uint8)
    labels = torch.randint(0, 9, (8, 64, 96), dtype=torch.uint8)
    chosen = seeds(8, 100)
    together = augment(image, labels, chosen, size, 1.3, Augmentation())
    torch.manual_seed(1)
    for i in range(8):
        alone = augment(image[i : i + 1], labels[i : i + 1], chosen[i : i + 1], size, 1.3, Augmentation())
        torch.testing.assert_close(alone[0][0], together[0][i], atol=1e-6, rtol=0)
        assert torch.equal(alone[1][0], together[1][i])


def test_dropped_context_is_the_own_slice():
    image = torch.tensor([10, 20, 30], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 64, 96)
    labels = torch.zeros(1, 64, 96, dtype=torch.uint8)
    dropped = replace(NO_AUGMENTATION, context_dropout=1.0)
    for own_slice, grey in ((None, 20), (0, 10), (2, 30)):
        pixels, _ = augment(image, labels, seeds(1), (32, 32), 1.0, dropped, own_slice)
        assert (pixels * 255).unique().tolist() == pytest.approx([grey])


def test_each_seed_its_own_view():
    image, _ = augment(*batch(), torch.tensor([5, 6]), (64, 96), 1.0, Augmentation())
    assert (image[0] - image[1]).abs().mean() > 0.01


def test_global_generator_is_left_alone():
    torch.manual_seed(3)
    state = torch.get_rng_state()
    augment(*batch(), seeds(), (64, 96), 1.0, Augmentation())
    assert torch.equal(torch.get_rng_state(), state)


def test_greys_stay_in_range():
    image, _ = augment(*batch(16), seeds(16), (64, 96), 1.0, Augmentation())
    assert image.min() >= 0 and image.max() <= 1
    assert image.std(0).max() > 0.05


def test_share_of_dropped_contexts():
    image, labels = batch(200)
    image[:, 0] = 0
    views, _ = augment(image, labels, seeds(200), (64, 96), 1.0, replace(NO_AUGMENTATION, context_dropout=0.3))
    dropped = (views[:, 0] == views[:, 1]).flatten(1).all(1).float().mean()
    assert 0.2 < dropped < 0.4


def test_contrast_changes_soft_tissue_alone():
    greys = torch.arange(256) / 255
    changed = grey_views(replace(NO_AUGMENTATION, phase=1.0)) - greys
    assert changed[:, greys < WATER].abs().max() < 1e-5
    assert changed[:, -1].abs().max() < 1e-5
    # -3 to 1 times 4/27 of the window above water, where contrast medium shows most.
    assert -0.31 < changed.min() < -0.25
    assert 0.08 < changed.max() < 0.103


def test_what_enhances_more_stays_brighter():
    assert (grey_views(replace(NO_AUGMENTATION, phase=1.0)).diff() >= -1e-6).all()


def test_arterial_phase_brightens_vessels():
    # 60, 107 and 150 HU in a window of -125 to 275 HU: tissue, liver and aorta of a venous phase.
    greys = torch.tensor([185.0, 232.0, 275.0]) / 400
    image = (greys * 255).round().to(torch.uint8).repeat_interleave(32).expand(64, 1, 64, 96).contiguous()
    views, _ = augment(image, torch.zeros(64, 64, 96, dtype=torch.uint8), seeds(64), (64, 96), 1.0,
                    replace(NO_AUGMENTATION, arterial=1.0))
    tissue, liver, aorta = (views[:, 0, 32, column] for column in (16, 48, 80))
    torch.testing.assert_close(tissue, torch.full((64,), 118 / 255))
    assert (liver - 148 / 255).abs().max() < 0.001
    # The smooth step is 0.486 there: 0.3 to 1 times that of the way to the window's end.
    assert 0.686 + 0.3 * 0.314 * 0.48 < aorta.min() < aorta.max() < 0.686 + 0.314 * 0.49


def test_window_ends_move_apart():
    views = grey_views(replace(NO_AUGMENTATION, window=0.1), count=200)
    # A value is the same again where the line of the augment meets the identity; slope and offset tell the two ends.
    low, high = views[:, 64], views[:, 192]
    slope = (high - low) / (128 / 255)
    lower = 64 / 255 - low / slope
    upper = lower + 1 / slope - 1
    for end in (lower, upper):
        assert -0.101 < end.min() < -0.08 and 0.08 < end.max() < 0.101
    assert abs(torch.corrcoef(torch.stack([lower, upper]))[0, 1]) < 0.2


def test_air_stays_air():
    bright = replace(NO_AUGMENTATION, brightness=0.2, contrast=1.5, window=0.2, noise=0.2)
    assert grey_views(bright)[:, 0].max() == 0


def test_coarse_greys_leave_8_to_64_levels():
    levels = torch.tensor([len(v.unique()) for v in grey_views(replace(NO_AUGMENTATION, coarse_greys=1.0))])
    assert 8 <= levels.min() < 12 and 40 < levels.max() <= 64
    untouched = grey_views(replace(NO_AUGMENTATION, coarse_greys=0.3), count=200)
    share = torch.tensor([len(v.unique()) < 100 for v in untouched]).float().mean()
    assert 0.2 < share < 0.4


def test_blur_is_gaussian():
    image, labels = torch.zeros(64, 1, 33, 33, dtype=torch.uint8), torch.zeros(64, 33, 33, dtype=torch.uint8)
    image[:, :, 16, 16] = 255
    views, _ = augment(image, labels, seeds(64), (33, 33), 1.0, replace(NO_AUGMENTATION, blur_pixels=1.0))
    torch.testing.assert_close(views.sum((1, 2, 3)), torch.ones(64), atol=1e-3, rtol=0)
    variance = (views[:, 0].sum(1) * (torch.arange(33.0) - 16).square()).sum(1)
    soft = variance > 0.1
    assert 0.1 < soft.float().mean() < 0.45
    assert variance[soft].min() > 0.24 and variance[soft].max() < 1.01


@pytest.mark.parametrize("kind", [f.name for f in fields(Augmentation) if f.name != "phase_from"])
def test_each_kind_alone(kind):
    image, labels = batch(32)
    image[:, 0] //= 2
    image[:, :, 40:, 50:] = 170
    plain = augment(image, labels, seeds(32), (64, 96), 1.0, NO_AUGMENTATION)[0]
    alone = replace(NO_AUGMENTATION, **{kind: getattr(Augmentation(), kind)})
    assert (augment(image, labels, seeds(32), (64, 96), 1.0, alone)[0] - plain).abs().max() > 0.01
