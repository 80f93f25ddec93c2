"""A SegFormer checkpoint in Hugging Face format: the same tokens as transformers computes, or one clear sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from MISTKDSegmentLib.errors import InputError
from Training.networks.config import NetworkConfig
from Training.networks.segformer_weights import start_from_segformer
from Training.networks.segmenter import Segmenter

SIZES = {"depths": (1, 1, 2, 1), "reductions": (8, 4, 2, 1), "heads": (1, 2, 3, 4), "widths": (8, 16, 24, 32)}
CONFIG = NetworkConfig(**SIZES, decoder_width=8, stem_width=4)


@pytest.fixture(scope="module")
def theirs() -> transformers.SegformerModel:
    torch.manual_seed(0)
    sizes = transformers.SegformerConfig(
        depths=SIZES["depths"], hidden_sizes=SIZES["widths"], num_attention_heads=SIZES["heads"],
        sr_ratios=SIZES["reductions"],
    )
    model = transformers.SegformerModel(sizes).eval()
    for parameter in model.parameters():
        # Layer norms of weights as small as the usual start would be all rounding.
        torch.nn.init.normal_(parameter, std=0.3)
    return model


@pytest.fixture(scope="module")
def written(theirs, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("segformer")
    theirs.save_pretrained(folder)
    return folder


@pytest.fixture
def checkpoint(written, tmp_path) -> Path:
    """A copy to do as one likes with."""
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((written / name).read_bytes())
    return tmp_path


def network(channels: int = 3) -> Segmenter:
    return Segmenter(channels, 2, CONFIG).eval()


def edit_config(folder: Path, **values: object) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | values))


def assert_same_tokens(ours: Segmenter, theirs: transformers.SegformerModel) -> None:
    image = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        expected = theirs(image, output_hidden_states=True).hidden_states
        stages = ours.encoder(image)
    assert len(stages) == len(expected) == 4
    for stage, wanted in zip(stages, expected):
        torch.testing.assert_close(stage.as_map(), wanted, atol=1e-4, rtol=1e-4)


def test_tokens_are_transformers(theirs, checkpoint):
    ours = network()
    decoder = {name: value.clone() for name, value in ours.decoder.state_dict().items()}
    start_from_segformer(ours, checkpoint)
    assert_same_tokens(ours, theirs)
    assert all(torch.equal(value, decoder[name]) for name, value in ours.decoder.state_dict().items())


def test_older_file_of_weights(theirs, checkpoint):
    torch.save(load_file(checkpoint / "model.safetensors"), checkpoint / "pytorch_model.bin")
    (checkpoint / "model.safetensors").unlink()
    ours = network()
    start_from_segformer(ours, checkpoint)
    assert_same_tokens(ours, theirs)


@pytest.mark.parametrize("kind", ["SegformerForSemanticSegmentation", "SegformerForImageClassification"])
def test_checkpoints_with_a_head_are_read(theirs, tmp_path, kind):
    model = getattr(transformers, kind)(theirs.config)
    model.segformer.load_state_dict(theirs.state_dict())
    model.save_pretrained(tmp_path)
    ours = network()
    start_from_segformer(ours, tmp_path)
    assert_same_tokens(ours, theirs)


@pytest.mark.parametrize("slices", [1, 2, 5])
def test_any_number_of_slices(theirs, checkpoint, slices):
    ours, coloured = network(slices), network()
    start_from_segformer(ours, checkpoint)
    start_from_segformer(coloured, checkpoint)
    grey = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        few = ours.encoder(grey.expand(-1, slices, -1, -1))
        three = coloured.encoder(grey.expand(-1, 3, -1, -1))
    torch.testing.assert_close(few[3].sequence, three[3].sequence, atol=1e-4, rtol=1e-4)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.*cannot be read"):
        start_from_segformer(network(), tmp_path / "nowhere")


def test_another_architecture_is_named(checkpoint):
    edit_config(checkpoint, model_type="vit")
    with pytest.raises(InputError, match="type vit"):
        start_from_segformer(network(), checkpoint)


@pytest.mark.parametrize(
    ("key", "values", "name"),
    [
        ("hidden_sizes", [8, 16, 24, 40], "widths"),
        ("depths", [1, 1, 1, 1], "depths"),
        ("num_attention_heads", [1, 1, 1, 1], "heads"),
        ("sr_ratios", [4, 4, 2, 1], "reductions"),
        ("mlp_ratios", [4, 4, 4, 2], "mlp_ratio"),
    ],
)
def test_misfit_sizes_are_named(checkpoint, key, values, name):
    edit_config(checkpoint, **{key: values})
    with pytest.raises(InputError) as error:
        start_from_segformer(network(), checkpoint)
    assert key in str(error.value) and str(values) in str(error.value) and name in str(error.value)


def test_no_json_is_refused(checkpoint):
    (checkpoint / "config.json").write_text("{")
    with pytest.raises(InputError, match="no JSON"):
        start_from_segformer(network(), checkpoint)


def test_missing_weights(checkpoint):
    (checkpoint / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"neither model\.safetensors nor pytorch_model\.bin"):
        start_from_segformer(network(), checkpoint)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_damaged_weights_are_refused(checkpoint, name):
    (checkpoint / "model.safetensors").unlink()
    (checkpoint / name).write_bytes(b"damaged")
    with pytest.raises(InputError, match="cannot be read as weights"):
        start_from_segformer(network(), checkpoint)


def test_code_is_refused(checkpoint, tmp_path):
    (checkpoint / "model.safetensors").unlink()
    torch.save({"encoder": Path("code")}, checkpoint / "pytorch_model.bin")
    with pytest.raises(InputError, match="cannot be read as weights"):
        start_from_segformer(network(), checkpoint)


def test_missing_layer_changes_nothing(checkpoint):
    weights = load_file(checkpoint / "model.safetensors")
    del weights["encoder.block.2.1.mlp.dense1.weight"]
    save_file(weights, checkpoint / "model.safetensors")
    ours = network()
    before = ours.encoder.patch_embeddings[0].proj.weight.clone()
    with pytest.raises(InputError, match=r"blocks\.2\.1\.mlp\.dense1\.weight"):
        start_from_segformer(ours, checkpoint)
    assert torch.equal(before, ours.encoder.patch_embeddings[0].proj.weight)
