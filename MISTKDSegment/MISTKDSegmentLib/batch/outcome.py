"""What became of a case: told from process to process, and kept beside the results for the next run."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Optional, Union

from MISTKDSegmentLib import __version__
from MISTKDSegmentLib.batch.case import Case, CaseResult, Settings, results_stem, run_case
from MISTKDSegmentLib.errors import BundleError, InputError, SegmentError
from MISTKDSegmentLib.inference.progress import Progress
from MISTKDSegmentLib.io.atomic import atomic_path
from MISTKDSegmentLib.io.reading import files_of
from MISTKDSegmentLib.model.bundle import Bundle, load_bundle

WAITING, DONE, SKIPPED, FAILED = "waiting", "done", "skipped", "failed"
NO_MEMORY = "needs more memory than there is; close other programs or crop it."
# No longer than the shortest end of a segmentation's name: a name that is long enough for that one fits.
_RECORD_SUFFIX = ".mistkd"


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        status: "waiting", "done", "skipped" (done by an earlier run) or "failed".
        error: what went wrong and the remedy, where it failed; what went wrong so far, where it waits.
        seconds: by stage.
        slices: of the scan.
        spacing_mm: along i, j and k.
        volumes_ml: by organ.
        flags: what to beware of, by organ.
        note: that it was skipped although somebody changed its results; else empty.
        lacked_memory: whether that is why it failed, so that it may succeed when less runs beside it.
        doubts: what makes the result doubtful as a whole.
        words: "good", "look" or "poor", by organ, as far as the model says.
        scores: of these organs: expected Dice, or the probability that one which was not found is not there.
    """

    status: str
    error: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    slices: int = 0
    spacing_mm: tuple[float, ...] = ()
    volumes_ml: Mapping[str, float] = field(default_factory=dict)
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    note: str = ""
    lacked_memory: bool = False
    doubts: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)


Event = tuple[Case, Union[Progress, Outcome]]


def attempt(case: Case, settings: Settings, report: Callable[[Progress], None] = lambda progress: None) -> Outcome:
    """Run one case of many and keep a record of it: whatever goes wrong is told, not raised.

    Args:
        case: the scan.
        settings: what to do with it.
        report: is called after each batch of slices.
    """
    try:
        bundle = _bundle(settings.model, settings.model_sha256)
        record = record_path(case, settings)
        # Before new results appear: the record vouches for the old ones.
        with suppress(OSError):
            record.unlink()
        fingerprint = _fingerprint(case)
        result = run_case(case, settings, bundle, report)
        outcome = _done(result)
        _write_record(record, fingerprint, settings, result, outcome)
        return outcome
    except SegmentError as error:
        return Outcome(FAILED, str(error))
    except MemoryError:
        return Outcome(FAILED, f"{case.source} {NO_MEMORY}", lacked_memory=True)
    except Exception as error:  # a mistake of ours that one scan brings out must not cost the others
        return Outcome(FAILED, f"{case.source} could not be segmented ({type(error).__name__}); segment it alone to "
                               "see the details, and report them.")


@lru_cache(maxsize=1)
def _bundle(folder: Path, description_sha256: str) -> Bundle:
    bundle = load_bundle(folder)
    if bundle.description_sha256 != description_sha256:
        raise BundleError(f"{folder} holds another model than the one that the run began with; let the folder be "
                          "while it runs, and the same on all machines.")
    return bundle


def _done(result: CaseResult) -> Outcome:
    return Outcome(DONE, "", result.seconds, result.slices, result.spacing_mm,
                   {row.label.name: round(row.volume_ml, 2) for row in result.rows},
                   {row.label.name: row.flags for row in result.rows if row.flags}, doubts=result.doubts,
                   words={row.label.name: row.quality.word for row in result.rows if row.quality},
                   scores={row.label.name: round(row.quality.score, 3) for row in result.rows if row.quality})


def record_path(case: Case, settings: Settings) -> Path:
    """Where the record of a case lies: beside its results, written after them."""
    return Path(f"{results_stem(case, settings, '')}{_RECORD_SUFFIX}")


def finished(case: Case, settings: Settings) -> Optional[Outcome]:
    """What an earlier run made of a case, if program, scan, model and options are the same and all results are there.

    Results that somebody changed since, such as a corrected segmentation, are left alone whatever else is new; their
    note says so, and the figures of the old ones are not told.
    """
    try:
        content = json.loads(record_path(case, settings).read_text(encoding="utf-8"))
        folder = record_path(case, settings).parent
        now = {name: _size_and_time(folder / name) for name in content["results"]}
        changed = [name for name, written in content["results"].items() if now[name] not in (None, written)]
        if changed:
            return Outcome(SKIPPED, note=f"changed since written, delete to have it made again: {', '.join(changed)}")
        same = {"program": __version__, "scan": _fingerprint(case), "settings": _relevant(settings), "results": now}
        if any(content[key] != value for key, value in same.items()):
            return None
        return Outcome(**{**content["outcome"], "status": SKIPPED})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write_record(path: Path, fingerprint: str, settings: Settings, result: CaseResult, outcome: Outcome) -> None:
    content = {"program": __version__, "scan": fingerprint, "settings": _relevant(settings),
               "results": {written.name: _size_and_time(written) for written in result.written},
               "outcome": asdict(outcome)}
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _size_and_time(path: Path) -> Optional[list[int]]:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return [stat.st_size, stat.st_mtime_ns]


def _relevant(settings: Settings) -> dict[str, Any]:
    """What of the settings the results depend on, as JSON gives it back."""
    options = asdict(settings.options)
    # No number of threads changes a label, and none of many scans has a region.
    del options["threads"], options["region"]
    return {"model_sha256": settings.model_sha256, "format": settings.format, "picture": settings.picture,
            **options, "organs": list(settings.options.organs or ())}


def _fingerprint(case: Case) -> str:
    """Of names, sizes and times of the scan's files; unreadable without them, as names may be a patient's."""
    assert case.source is not None, "a made-up abdomen is never one of many"
    paths: Sequence[Path] = [case.source / name for name in case.files] or [case.source]
    if not case.files and case.source.is_file():
        with suppress(OSError, InputError):  # reading will tell
            paths = files_of(case.source)
    stats = [(path.name, os.stat(path)) for path in paths if path.exists()]
    listing = json.dumps([(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats])
    return hashlib.sha256(listing.encode()).hexdigest()
