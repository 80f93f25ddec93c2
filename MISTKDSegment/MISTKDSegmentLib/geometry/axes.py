"""Names of axes: to where each runs in the patient. (The standard library is all that it takes.)"""

from __future__ import annotations

_PAIRS = {"L": 0, "R": 0, "P": 1, "A": 1, "S": 2, "I": 2}


def parse_axes(axes: str) -> str:
    """The three letters that name to where i, j and k run, in capitals.

    Args:
        axes: one each of L and R, A and P, S and I, such as "LPS" for axial slices as DICOM stores them. (This is how
            NIfTI programs and 3D Slicer name axes; some ITK programs say where they come from.)

    Raises:
        ValueError: these are no three letters of that kind.

    Examples:
        >>> parse_axes("sar")
        'SAR'
    """
    letters = axes.upper()
    if sorted(_PAIRS.get(letter, -1) for letter in letters) != [0, 1, 2]:
        raise ValueError(f"'{axes}' names no orientation; give one of L and R, one of A and P and one of S and I, in "
                         "the order of i, j and k, for example LPS")
    return letters
