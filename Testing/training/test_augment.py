"""Views: image and labels move together, left stays left, and switched off means untouched."""

from __future__ import annotations

import torch

from Training.augment import NO_AUGMENTATION, Augmentation, view


def batch(count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """A bright square, label 1, in the upper left quarter of a 64 x 96 canvas; three equal context slices."""
    labels = torch.zeros(count, 64, 96, dtype=torch.uint8)
    labels[:, 12:28, 20:44] = 1
    return (labels * 255)[:, None].repeat(1, 3, 1, 1), labels


def test_the_plain_view_of_the_same_size_is_the_input():
    image, labels = view(*batch(), (64, 96), 1.0, NO_AUGMENTATION)
    torch.testing.assert_close(image, batch()[0] / 255, atol=2e-4, rtol=0)
    assert torch.equal(labels, batch()[1].long())


def test_zoom_is_the_ratio_of_pixel_spacings():
    _, labels = view(*batch(), (32, 48), 2.0, NO_AUGMENTATION)
    assert torch.equal(labels, batch()[1][:, ::2, ::2].long())


def test_outside_of_the_canvas_is_air_and_background():
    image, labels = view(*batch(), (128, 128), 1.0, NO_AUGMENTATION)
    assert image[:, :, :31].max() < 1e-3 and not labels[:, :31].any()
    assert labels.sum() == batch()[1].sum()


def test_image_and_labels_move_together():
    geometry = Augmentation(gamma=1.0, contrast=1.0, brightness=0.0, noise=0.0, low_resolution=0.0)
    torch.manual_seed(0)
    image, labels = view(*batch(16), (64, 96), 1.0, geometry)
    bright = image[:, 1] > 0.5
    dice = 2 * (bright & (labels == 1)).sum() / (bright.sum() + labels.sum())
    assert dice > 0.97
    assert not torch.equal(labels[0], labels[1])


def test_left_stays_left_and_up_stays_up():
    torch.manual_seed(0)
    _, labels = view(*batch(64), (64, 96), 1.0, Augmentation())
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(96.0), indexing="ij")
    for item in labels:
        weight = (item == 1).float()
        assert (weight * columns).sum() / weight.sum() < 48
        assert (weight * rows).sum() / weight.sum() < 36


def test_grey_values_stay_in_range_and_change():
    torch.manual_seed(0)
    image, _ = view(*batch(16), (64, 96), 1.0, Augmentation())
    assert image.min() >= 0 and image.max() <= 1
    assert image.std(0).max() > 0.05


def test_context_is_dropped_for_the_share_asked_for():
    image, labels = batch(200)
    image[:, 0] = 0
    only_context = Augmentation(0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, context_dropout=0.3)
    torch.manual_seed(0)
    views, _ = view(image, labels, (64, 96), 1.0, only_context)
    dropped = (views[:, 0] == views[:, 1]).flatten(1).all(1).float().mean()
    assert 0.2 < dropped < 0.4


def test_the_same_seed_gives_the_same_views():
    views = []
    for _ in range(2):
        torch.manual_seed(3)
        views.append(view(*batch(), (64, 96), 1.0, Augmentation())[0])
    assert torch.equal(*views)
