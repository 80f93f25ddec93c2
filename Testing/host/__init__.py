"""An emulated Slicer: PySide6 (offscreen) around slicer-core's real scene, for testing a scripted module's panel.

    from Testing.host import open_host

    with open_host() as host:                      # MISTKDSegment.py, its real .ui, a real vtkMRMLScene
        volume = slicer.util.addVolumeFromArray(...)
        host.choose("inputVolumeSelector", volume)
        host.dialogs.expect("install", "Yes")      # announce dialogs; any other one fails the test
        host.click("applyButton")                  # refuses disabled or hidden buttons
        host.pump(until=lambda: done, timeout_s=20)
        host.screenshot("panel.png")               # the panel, as wide as Slicer makes it
        host.render_views("views.png")             # slices and 3-D, rendered by VTK
        host.save_scene(path); host.load_scene(path); host.close_scene(); host.reload()
    # closing = File > Exit; an exception in a slot or an unannounced dialog raises HostError here

or as a pytest fixture: `from Testing.host import host` (skips where PySide6 or slicer-core is missing).

Names that api-5.12.json does not list raise AttributeError; names that it lists and the host lacks
raise NotImplementedError, so that a test never passes by accident. `open_host(None)` opens Slicer without a module;
`open_host("path/MyModule.py")` with another one. See Host for everything that a test can do, and
"not emulated" in README.md beside this file.
"""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
if "DISPLAY" not in os.environ:
    os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")

from Testing.host.fixture import NEEDS_HOST, host, open_host

__all__ = ["NEEDS_HOST", "host", "open_host"]
