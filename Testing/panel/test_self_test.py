"""The module's own test runs here unchanged."""

import unittest

import pytest


@pytest.mark.slow
def test_the_modules_own_test_passes(host):
    host.run_module_test()


def test_without_onnxruntime_it_is_skipped(host, monkeypatch):
    monkeypatch.setattr(type(host.logic.onnxRuntime), "state", lambda self: "missing")
    with pytest.raises(unittest.SkipTest, match="onnxruntime is not installed"):
        host.run_module_test()


@pytest.mark.slow
def test_it_would_notice_a_mirrored_segmentation(host, monkeypatch):
    from MISTKDSegmentLib.slicer.panel import self_test
    right_mm = self_test._right_mm
    monkeypatch.setattr(self_test, "_right_mm", lambda *arguments: -right_mm(*arguments))
    with pytest.raises(AssertionError):
        self_test.check_segmentation(host.module.MISTKDSegmentTest())
