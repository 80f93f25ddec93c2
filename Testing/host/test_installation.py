"""Putting stand-ins in place and taking them away."""

from __future__ import annotations

import subprocess
import sys
import types

from Testing.host import NEEDS_HOST

pytestmark = NEEDS_HOST


def test_attributes_and_modules_are_put_back():
    from Testing.host.installation import Installation
    owner = types.SimpleNamespace(old=1, hidden=2)
    placed = Installation()
    placed.attribute(owner, "old", 10)
    placed.attribute(owner, "new", 20)
    placed.hide(owner, "hidden")
    placed.module("a_made_up_module", types.ModuleType("a_made_up_module"))
    placed.remove(())
    assert vars(owner) == {"old": 1, "hidden": 2} and "a_made_up_module" not in sys.modules


def test_a_package_that_was_imported_anew_meanwhile_is_the_old_one_again():
    from Testing.host.installation import Installation
    before = types.ModuleType("made_up.errors")
    sys.modules["made_up.errors"] = before
    placed = Installation()
    sys.modules["made_up.errors"] = types.ModuleType("made_up.errors")
    sys.modules["made_up.later"] = types.ModuleType("made_up.later")
    placed.remove(("made_up",))
    assert sys.modules.pop("made_up.errors") is before and "made_up.later" not in sys.modules


def test_what_a_package_got_meanwhile_is_not_found_in_it_any_more():
    from Testing.host.installation import Installation
    package, later = types.ModuleType("made_up"), types.ModuleType("made_up.later")
    sys.modules["made_up"] = package
    placed = Installation()
    sys.modules["made_up.later"], package.later = later, later
    placed.remove(("made_up",))
    assert sys.modules.pop("made_up") is package and not hasattr(package, "later")


def test_python_slicer_runs_this_python(tmp_path):
    from Testing.host.installation import write_python_slicer
    script = write_python_slicer(tmp_path / "bin")
    command = [str(script), "-c", "import sys; print(sys.prefix)"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == sys.prefix
