"""Markdown: documents from Jinja templates, and tables whose columns are known only when they are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, Environment, FileSystemLoader

from Training.system.words import counted, spaced

_ROOT = Path(__file__).parents[1]


def render(template: str, **values: Any) -> str:
    """Fill a template `NAME.md.j2`, which lies beside the module that fills it; what is not there counts as empty.

    Args:
        template: its path below `Training`, e.g. "bundle/card.md.j2".
        values: by the names that it asks for.
    """
    text = _ENVIRONMENT.get_template(template).render(values)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table.

    Examples:
        >>> print(table(["organ", "Dice"], [["liver", "0.950"]]))
        | organ | Dice |
        | --- | --- |
        | liver | 0.950 |
    """
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(headings), *rows))


def digits(value: float | None, count: int) -> str:
    """A number with so many decimals, or a dash.

    Examples:
        >>> digits(0.8, 3), digits(None, 3)
        ('0.800', '-')
    """
    return "-" if value is None else f"{value:.{count}f}"


def percent(share: float | None) -> str:
    """A share in whole percent, or a dash.

    Examples:
        >>> percent(0.805), percent(None)
        ('80%', '-')
    """
    return "-" if share is None else f"{share:.0%}"


def interval(ends: Sequence[float | None] | None) -> str:
    """Both ends of an interval, or a dash.

    Examples:
        >>> interval((0.5, 0.9)), interval((None, None))
        ('0.500 to 0.900', '-')
    """
    return "-" if not ends or ends[0] is None else f"{digits(ends[0], 3)} to {digits(ends[1], 3)}"


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _joined(items: Iterable[Any]) -> str:
    return ", ".join(map(_short, items))


def _named(items: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_short(value)}" for name, value in items.items())


def _cases(names: Sequence[str]) -> str:
    return f"{counted(len(names), 'case')} ({', '.join(names)})"


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_ROOT), undefined=ChainableUndefined, trim_blocks=True, lstrip_blocks=True,
    keep_trailing_newline=True,
)
_ENVIRONMENT.filters |= {
    "cases": _cases, "counted": counted, "digits": digits, "interval": interval, "joined": _joined, "named": _named,
    "percent": percent, "short": _short, "spaced": spaced, "thousands": "{:,}".format,
}
