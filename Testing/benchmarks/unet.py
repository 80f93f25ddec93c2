"""The network of TotalSegmentator's fast mode with random weights, which do not change the time, on a whole scan.

nnU-Net's PlainConvUNet on a scan resampled to 3 mm, in patches that overlap by half, without mirroring. As nnU-Net
does, scores are weighted down towards the border of each patch and added up for all classes.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from torch.utils.flop_counter import FlopCounterMode

from MISTKDSegmentLib.geometry.sitk_image import to_image
from MISTKDSegmentLib.geometry.volume import Volume
from Testing.benchmarks.clock import timed

PACKAGE = "dynamic-network-architectures"
SPACING_MM = 3.0
PATCH = (112, 112, 128)  # k, j, i
CLASSES = 118  # 117 structures and the background
FEATURES = (32, 64, 128, 256, 320, 320)
STRIDES = (1, 2, 2, 2, 2, (1, 1, 2))  # no axis is halved below 4 voxels
LARGEST_SPREAD = 1 / 8  # of the weights, in patches


def plain_unet() -> torch.nn.Module:
    """The network.

    Raises:
        SystemExit: the package that has it is missing.
    """
    try:
        from dynamic_network_architectures.architectures.unet import PlainConvUNet
    except ImportError:
        sys.exit(f"The comparison needs {PACKAGE}: {sys.executable} -m pip install --no-deps {PACKAGE}")
    return PlainConvUNet(
        input_channels=1, n_stages=len(FEATURES), features_per_stage=FEATURES, conv_op=torch.nn.Conv3d, kernel_sizes=3,
        strides=STRIDES, n_conv_per_stage=2, num_classes=CLASSES, n_conv_per_stage_decoder=2, conv_bias=True,
        norm_op=torch.nn.InstanceNorm3d, norm_op_kwargs={"eps": 1e-5, "affine": True}, nonlin=torch.nn.LeakyReLU,
        nonlin_kwargs={"inplace": True}).eval()


def patch_starts(size: int, patch: int) -> list[int]:
    """First voxels of patches along an axis: evenly spread over it, overlapping by half or more.

    Examples:
        >>> patch_starts(150, 112)
        [0, 38]
        >>> patch_starts(128, 128)
        [0]
        >>> patch_starts(224, 112)
        [0, 56, 112]
    """
    steps = math.ceil(max(size - patch, 0) / (patch / 2))
    return [round(step * (size - patch) / steps) for step in range(steps + 1)] if steps else [0]


def seconds(volume: Volume, network: torch.nn.Module, patches: int | None) -> tuple[float, float, int, int]:
    """Seconds that a scan takes.

    Args:
        volume: the scan.
        network: `plain_unet`.
        patches: how many are run; from them, the time of all is worked out. None runs all.

    Returns:
        Seconds of the network, seconds from the array to its labels, patches run, patches in all.
    """
    down_s, small = timed(lambda: _resampled(volume))
    small = np.pad(small, [(0, max(0, patch - size)) for size, patch in zip(small.shape, PATCH)])
    starts = list(product(*map(patch_starts, small.shape, PATCH)))
    run = starts[:patches]
    scores = torch.zeros((CLASSES, *small.shape), dtype=torch.half)
    network_s, add_s = _run_patches(network, torch.from_numpy(small), scores, run)
    up_s, _ = timed(lambda: _labels(scores, volume))
    share = len(starts) / len(run)
    return network_s * share, down_s + (network_s + add_s) * share + up_s, len(run), len(starts)


@torch.inference_mode()
def _run_patches(network: torch.nn.Module, small: torch.Tensor, scores: torch.Tensor,
                 starts: Sequence[tuple[int, ...]]) -> tuple[float, float]:
    weights, network_s, add_s = _weights(), 0.0, 0.0
    for start in starts:
        where = tuple(slice(first, first + length) for first, length in zip(start, PATCH))
        one_s, found = timed(lambda where=where: network(small[where][None, None])[0])
        network_s += one_s
        add_s += timed(lambda where=where, found=found: scores[(slice(None), *where)].add_(found.mul_(weights)))[0]
    return network_s, add_s


def _weights() -> torch.Tensor:
    """Weights of a patch's voxels: a Gaussian around its centre."""
    axes = [torch.exp(-0.5 * ((torch.arange(n) - (n - 1) / 2) / (n * LARGEST_SPREAD)) ** 2) for n in PATCH]
    return axes[0][:, None, None] * axes[1][None, :, None] * axes[2][None, None, :]


def _resampled(volume: Volume) -> np.ndarray:
    """The scan in voxels of 3 mm: float32 (k, j, i), scaled as nnU-Net does."""
    image = to_image(volume)
    size = [max(1, round(n * mm / SPACING_MM)) for n, mm in zip(image.GetSize(), image.GetSpacing())]
    resampled = sitk.Resample(image, size, sitk.Transform(), sitk.sitkBSpline, image.GetOrigin(), [SPACING_MM] * 3,
                              image.GetDirection(), -1024.0, sitk.sitkFloat32)
    voxels = sitk.GetArrayFromImage(resampled)
    return (voxels - voxels.mean()) / voxels.std()


def _labels(scores: torch.Tensor, volume: Volume) -> Any:
    """The class of each voxel of the scan, by nearest neighbour."""
    labels = scores.argmax(0).byte()
    index = [torch.arange(size) * small // size for size, small in zip(volume.voxels.shape, labels.shape)]
    return labels[index[0]][:, index[1]][:, :, index[2]]


def patch_gflops() -> float:
    """Operations of the convolutions for one patch, in 1e9; a multiply-add counts as two."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        plain_unet()(torch.zeros(1, 1, *PATCH))
    return counter.get_total_flops() / 1e9
