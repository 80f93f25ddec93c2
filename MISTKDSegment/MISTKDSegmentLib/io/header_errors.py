"""What file headers of all formats must say of geometry, or the user must."""

from __future__ import annotations

from pathlib import Path

from MISTKDSegmentLib.errors import InputError


def no_orientation(path: Path, because: str) -> InputError:
    """The error for a file from which nobody can tell left from right."""
    return InputError(f"{path} does not say how its voxels lie in the patient ({because}); {state_orientation()}, or "
                      "export it again with its orientation.")


def state_orientation() -> str:
    """What a user can do who knows how the voxels lie."""
    return ("state it, for example with --orientation LPS (in Python orientation='LPS') where i runs to the left, j "
            "to the back and k to the head")


def other_unit(path: Path, unit: str) -> InputError:
    """The error for lengths that are not in millimetres."""
    return InputError(f"{path} gives its lengths in {unit}, which programs may take for millimetres; save it in mm.")
