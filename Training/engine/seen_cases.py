"""Every case that a network has learnt from, directly or through what it started from and its teacher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def seen_by(provenance: Mapping[str, Any]) -> dict[str, str]:
    """The cases, labelled or not, that the networks behind a provenance were trained on.

    Args:
        provenance: of a checkpoint or a bundle; what it does not say adds nothing.

    Returns:
        Checksum of the prepared image (`content_sha256`) -> name of the case; where no checksum is known, the name
        stands for it.
    """
    seen: dict[str, str] = {}
    for part in ("start", "teacher"):
        seen |= provenance.get(part, {}).get("seen", {})
    data = provenance.get("data", {})
    checksums = data.get("content_sha256", {})
    trained = [*data.get("training", ()), *data.get("unlabelled", ())]
    return seen | {checksums.get(name, name): name for name in trained}
