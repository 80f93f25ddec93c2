"""The fastest device is taken, and one that fails is given up with a word in the log."""

from __future__ import annotations

import logging
import threading

import numpy as np
import pytest

from MISTKDSegmentLib.errors import BundleError
from MISTKDSegmentLib.inference import network as network_file
from MISTKDSegmentLib.inference.network import ACCELERATORS, CPU, Network
from MISTKDSegmentLib.inference.onnx_runtime import onnxruntime
from MISTKDSegmentLib.model.bundle import load_bundle

CUDA, DIRECTML, COREML, OPENVINO = ACCELERATORS
PIXELS = np.full((2, 3, 8, 16), 0.5, np.float32)


class MadeUpSession:
    """A real session on the CPU that claims to be on another device, and fails there where it is told to."""

    fails_to_load: tuple[str, ...] = ()
    loads_on_the_cpu_instead: tuple[str, ...] = ()
    fails_to_run: tuple[str, ...] = ()
    reason = "device lost"

    def __init__(self, network, options, providers, **more):
        first = providers[0]
        self.device, self.options = first if isinstance(first, tuple) else (first, {})
        if self.device in self.fails_to_load:
            raise RuntimeError(f"{self.device} has no driver\nand much more to say")
        self._session = REAL(network, options, providers=[CPU])
        self.get_inputs = self._session.get_inputs

    def get_providers(self):
        return [CPU] if self.device in self.loads_on_the_cpu_instead else [self.device, CPU]

    def run(self, outputs, pixels):
        if self.device in self.fails_to_run:
            raise RuntimeError(self.reason)
        return self._session.run(outputs, pixels)


REAL = onnxruntime.InferenceSession


@pytest.fixture
def bundle(tiny_bundle):
    return load_bundle(tiny_bundle)


@pytest.fixture
def devices(monkeypatch):
    """Pretend that onnxruntime has some devices, of which some fail."""
    def pretend(*available, **failures):
        session = type("Session", (MadeUpSession,), failures)
        found = [*available, "AzureExecutionProvider", CPU]
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: found)
        monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    return pretend


def test_without_another_device_the_cpu_does_the_work_without_a_word(bundle, devices, caplog):
    devices()
    network = Network(bundle, 0)
    assert network.device == CPU and not caplog.records
    np.testing.assert_array_equal(network(PIXELS)[0, :, 0, 0], [0.0, 0.0, -12.0])


@pytest.mark.parametrize("device", ACCELERATORS)
def test_a_device_that_onnxruntime_has_is_used(bundle, devices, device, caplog):
    devices(device)
    network = Network(bundle, 0)
    assert network.device == device
    assert network(PIXELS).shape == (2, 3, 8, 16) and not caplog.records


def test_the_fastest_of_several_is_used(bundle, devices):
    devices(OPENVINO, COREML, CUDA, DIRECTML)
    assert Network(bundle, 0).device == CUDA


@pytest.mark.parametrize("failure", ["fails_to_load", "loads_on_the_cpu_instead"])
def test_a_device_that_cannot_load_the_network_is_given_up_with_a_warning(bundle, devices, failure, caplog):
    devices(CUDA, OPENVINO, **{failure: (CUDA,)})
    with caplog.at_level(logging.WARNING):
        assert Network(bundle, 0).device == OPENVINO
    assert len(caplog.records) == 1
    assert "CUDAExecutionProvider cannot be used" in caplog.text and "OpenVINOExecutionProvider takes" in caplog.text
    assert "much more" not in caplog.text


def test_a_device_that_fails_in_the_middle_leaves_the_rest_to_the_cpu(bundle, devices, caplog):
    devices(CUDA, fails_to_run=(CUDA,))
    network = Network(bundle, 0)
    with caplog.at_level(logging.WARNING):
        scores = network(PIXELS)
    assert network.device == CPU and "device lost" in caplog.text
    np.testing.assert_array_equal(scores, Network(bundle, 0)(PIXELS))


def test_where_all_fail_the_error_names_the_file(bundle, devices):
    devices(CUDA, fails_to_load=(CUDA, CPU))
    with pytest.raises(BundleError, match=r"cannot load .*model\.onnx \(CPUExecutionProvider has no driver\)"):
        Network(bundle, 0)


@pytest.mark.parametrize("reason", [
    "Non-zero status code returned while running Conv: bfc_arena.cc:376 Failed to allocate memory for a buffer",
    "Exception during initialization: std::bad_alloc"])
def test_want_of_memory_is_told_as_such_on_the_cpu_and_a_device_that_lacks_it_is_given_up(bundle, devices, reason):
    devices(CUDA, fails_to_run=(CUDA,), reason=reason)
    assert Network(bundle, 0)(PIXELS).shape == (2, 3, 8, 16)
    devices(fails_to_run=(CPU,), reason=reason)
    with pytest.raises(MemoryError):
        Network(bundle, 0)(PIXELS)


def test_pixels_that_the_network_does_not_take_are_an_error_that_names_the_file(bundle):
    with pytest.raises(BundleError, match=r"cannot run .*model\.onnx on \(1, 2, 8, 8\) pixels"):
        Network(bundle, 0)(np.zeros((1, 2, 8, 8), np.float32))


def test_openvino_is_told_how_many_threads_it_may_use(bundle, devices, monkeypatch):
    devices(OPENVINO)
    monkeypatch.setattr(network_file, "usable_cores", lambda: 8)
    assert Network(bundle, 3)._session.options == {"num_of_threads": "3"}
    assert Network(bundle, 0)._session.options == {}


def values(count):
    """Batches that can be told apart by their scores."""
    for number in range(count):
        yield np.full((1, 3, 8, 8), number / count, np.float32)


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_batches_come_back_in_their_order_with_the_scores_that_each_has_alone(bundle, threads):
    network = Network(bundle, threads)
    found = list(network.scores_of(values(9)))
    assert len(found) == 9
    for scores, pixels in zip(found, values(9)):
        np.testing.assert_array_equal(scores, network(pixels))


@pytest.mark.parametrize(("available", "most"), [((), 3), ((CUDA,), 1)])
def test_the_processor_computes_several_batches_at_once_and_another_device_one(bundle, devices, monkeypatch,
                                                                               available, most):
    devices(*available)
    monkeypatch.setattr(network_file, "usable_cores", lambda: 3)
    network, asked_for = Network(bundle, 0), []

    def told():
        for number, pixels in enumerate(values(9)):
            asked_for.append(number)
            yield pixels

    ahead = [len(asked_for) - done for done, _ in enumerate(network.scores_of(told()))]
    assert max(ahead) == most + (most > 1)


def test_who_asks_for_no_more_leaves_nothing_running(bundle):
    before = threading.active_count()
    batches = Network(bundle, 2).scores_of(values(100))
    next(batches)
    assert threading.active_count() > before
    batches.close()
    assert threading.active_count() == before


def test_a_batch_that_cannot_be_run_ends_all_with_its_error(bundle):
    batches = Network(bundle, 2).scores_of([PIXELS, np.zeros((1, 2, 8, 8), np.float32), PIXELS])
    with pytest.raises(BundleError, match="cannot run"):
        list(batches)
