"""How many cases the corpus has: a few hundred in the normal form, thousands in the nightly one.

The environment variable `MISTKD_CORPUS=nightly` asks for the latter, with other cases in every run; a failure prints
the line that repeats it. Without it the cases are the same in every run. Tests elsewhere that take minutes ask here as
well.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Optional

from hypothesis import HealthCheck, Phase, settings

NIGHTLY = os.environ.get("MISTKD_CORPUS", "") == "nightly"
TIMES_AS_MANY = 8
# Making a failing case smaller takes minutes.
_PHASES = list(Phase) if NIGHTLY else [Phase.explicit, Phase.generate]
_planned: list[int] = []
_nightly: list[int] = []


def cases(normal: int, nightly: Optional[int] = None) -> Callable[[Any], Any]:
    """Decorates a property-based test with its number of cases, by default eight times as many in the nightly form."""
    nightly = normal * TIMES_AS_MANY if nightly is None else nightly
    count = nightly if NIGHTLY else normal
    _planned.append(count)
    _nightly.append(nightly)
    return settings(max_examples=count, deadline=None, derandomize=not NIGHTLY, database=None, print_blob=True,
                    phases=_PHASES, suppress_health_check=list(HealthCheck))


def planned() -> int:
    """Cases of the tests decorated so far."""
    return sum(_planned)


def planned_nightly() -> int:
    """The same in the nightly form."""
    return sum(_nightly)
