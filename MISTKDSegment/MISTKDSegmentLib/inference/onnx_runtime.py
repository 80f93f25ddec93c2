"""onnxruntime with its telemetry off: the one place that imports it.

From version 1.29 on it keeps a device id and a database of events below the home folder and sends them away, unless it
is told not to before it is loaded. What it obeys: Privacy.md in its package.
"""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# Builds for Windows (up to 1.32, at least) do not know the other one. They hand events to Windows, which sends them
# where the user has agreed to that; from 1.29 on this keeps them from signing up for it.
os.environ["ORT_RUNNING_UNIT_TESTS"] = "1"

import onnxruntime

# For Windows before 1.29, and where somebody else has imported it before.
onnxruntime.disable_telemetry_events()

__all__ = ["onnxruntime"]
