"""A whole data set into prepared cases: what is done is kept, what cannot be used is refused all at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

from MISTKDSegmentLib.errors import InputError, SegmentError
from MISTKDSegmentLib.io.atomic import remove_leftovers
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS, Label
from Training.data.layouts.registry import open_dataset
from Training.data.manifest import MANIFEST, Manifest, read_manifest, write_manifest
from Training.data.preparation_report import plan_preparation, print_plan
from Training.data.prepare_case import Preparation, Target, find_preparation, prepare_case
from Training.data.scans import Dataset, Scan, select_scans
from Training.data.sides import EMPTY
from Training.system.executor import run_all
from Training.system.files import check_folder, make_folder
from Training.system.words import listed


def prepare(
    raw: Path,
    out: Path,
    *,
    organs: Sequence[Label] = ABDOMEN_LABELS,
    layout: str | None = None,
    label_map: Path | None = None,
    spacing: Path | None = None,
    window_hu: tuple[float, float] = (-125.0, 275.0),
    pixel_spacing_mm: float = 1.5,
    workers: int = 0,
    skip: Sequence[str] = (),
    accept: Sequence[str] = (),
    accept_empty: bool = False,
    with_test: bool = False,
    dry_run: bool = False,
) -> tuple[Dataset, list[Preparation]]:
    """Prepare the scans of a data set; what an earlier run made of the same files and options is kept.

    Args:
        raw: folder of the data set.
        out: folder for NAME.npz, NAME.note.json and the manifest; made if missing.
        organs: the organs to learn; the channel of each is its position + 1.
        layout, label_map, spacing: see `Training.data.layouts.registry.open_dataset`.
        window_hu: HU at 0 and at 255 of the 8-bit images.
        pixel_spacing_mm: in-plane pixel size of the prepared slices.
        workers: number of processes; 0 works in this one.
        skip: cases to leave out.
        accept: cases to take although their labels are hard to believe.
        accept_empty: take all cases that have none of the organs.
        with_test: also take labelled scans that the data set keeps for testing; a data set that has no others is
            always taken whole.
        dry_run: print what is to be done and what it costs, and write nothing into `out`.

    Returns:
        The data set, and what became of its scans, in their order; in a dry run, of those that are done already.

    Raises:
        InputError: an option makes no sense, the folder holds cases that were prepared with others, or cases cannot
            be used: all of them are named.
        OutputError: the folder cannot be written.
        SegmentError: a process died.
    """
    target = Target(out, tuple(organs), window_hu, pixel_spacing_mm)
    _check_options(raw, target, workers)
    _check_same_options(target)
    dataset = open_dataset(raw, organs, layout=layout, label_map=label_map, spacing=spacing)
    scans = _choose(dataset, skip, accept, with_test)
    if dry_run:
        return dataset, _plan(scans, dataset, target, workers)
    make_folder(out)
    remove_leftovers(out)
    problems = _problems_before(scans)
    done = {} if problems else _prepare_all(scans, target, workers, problems)
    problems |= _problems_after(done.values(), accept, accept_empty)
    if problems:
        raise _refusal(problems, len(scans))
    preparations = [done[scan.name] for scan in scans]
    manifest = Manifest(dataset.source, dataset.licence, window_hu, pixel_spacing_mm, target.organs,
                        tuple(preparation.case for preparation in preparations))
    if _manifest_in(out) != manifest:
        write_manifest(out, manifest)
    return dataset, preparations


def _check_options(raw: Path, target: Target, workers: int) -> None:
    if len(target.window_hu) != 2:
        raise InputError(f"a window has two ends and not {len(target.window_hu)}; give the lower, then the higher.")
    low, high = target.window_hu
    if not 0.1 <= target.pixel_spacing_mm <= 10:
        raise InputError(f"a pixel spacing of {target.pixel_spacing_mm} mm makes no sense; give 0.1 to 10 mm.")
    if not -4096 <= low < high <= 65536:
        raise InputError(f"a window from {low:g} to {high:g} HU makes no sense; give the lower end, then the higher.")
    if workers < 0:
        raise InputError(f"there cannot be {workers} workers; give 0 or more.")
    if target.folder.resolve() == raw.resolve():
        raise InputError(f"{raw} cannot hold its own prepared cases; name another folder for them.")


def _check_same_options(target: Target) -> None:
    """Keep cases that were prepared with other options, and trainings that rest on them, from being lost."""
    manifest = _manifest_in(target.folder)
    if manifest is None:
        return
    names, ours = ([label.name for label in labels] for labels in (manifest.labels, target.organs))
    differing = []
    if manifest.pixel_spacing_mm != target.pixel_spacing_mm:
        differing.append(f"{manifest.pixel_spacing_mm:g} mm pixels")
    if manifest.window_hu != target.window_hu:
        differing.append("the window from {:g} to {:g} HU".format(*manifest.window_hu))
    if names != ours:
        differing.append(f"the organs {listed(names)}")
    elif manifest.labels != target.organs:
        differing.append("organs of other titles, colours or codes")
    if differing:
        raise InputError(f"{target.folder} holds cases of {' and '.join(differing)}: name another folder, or remove "
                         "it.")


def _choose(dataset: Dataset, skip: Sequence[str], accept: Sequence[str], with_test: bool) -> list[Scan]:
    if dataset.layout == "prepared":
        raise InputError(f"{dataset.folder} is prepared already; name the data set that it was made of.")
    for names in (skip, accept):
        if names:
            select_scans(dataset, names)
    with_test = with_test or all(scan.is_test for scan in dataset.scans.values())
    scans = [scan for name, scan in dataset.scans.items() if name not in skip and (with_test or not scan.is_test)]
    if not scans:
        raise InputError(f"{dataset.folder} has no case left to prepare; leave fewer out.")
    return scans


def _plan(scans: Sequence[Scan], dataset: Dataset, target: Target, workers: int) -> list[Preparation]:
    check_folder(target.folder)
    if problems := _problems_before(scans):
        raise _refusal(problems, len(scans))
    plan = plan_preparation(scans, target)
    print_plan(plan, dataset, target, workers)
    return list(plan.done.values())


def _problems_before(scans: Iterable[Scan]) -> dict[str, str]:
    problems = {}
    for scan in scans:
        try:
            scan.check()
        except InputError as error:
            problems[scan.name] = str(error)
    return problems


def _prepare_all(
    scans: Sequence[Scan], target: Target, workers: int, problems: dict[str, str]
) -> dict[str, Preparation]:
    """Prepare what is not prepared yet; what cannot be used is added to `problems`."""
    found = {scan.name: find_preparation(scan, target) for scan in scans}
    done = {name: preparation for name, preparation in found.items() if preparation is not None}
    missing = [scan for scan in scans if scan.name not in done]
    if missing:
        (target.folder / MANIFEST).unlink(missing_ok=True)  # until all cases are new, it would not be true
    console = Console(stderr=True)
    try:
        with closing(run_all(partial(_attempt, target=target), missing, workers)) as results:
            for name, result in track(results, "Preparing", len(missing), console=console,
                                      disable=not console.is_terminal):
                if isinstance(result, Preparation):
                    done[name] = result
                else:
                    problems[name] = result
    finally:
        remove_leftovers(target.folder)
    return done


def _attempt(scan: Scan, *, target: Target) -> tuple[str, Preparation | str]:
    """A case's name, and what became of it or why nothing did."""
    try:
        return scan.name, prepare_case(scan, target)
    except InputError as error:
        return scan.name, str(error)
    except MemoryError as error:
        raise SegmentError(f"{scan.image} needs more memory than there is; use fewer workers.") from error


def _problems_after(preparations: Iterable[Preparation], accept: Sequence[str],
                    accept_empty: bool) -> dict[str, str]:
    problems: dict[str, str] = {}
    names: dict[str, str] = {}
    for preparation in sorted(preparations, key=lambda one: one.case.name):
        case = preparation.case
        accepted = case.name in accept or (accept_empty and preparation.doubts == (EMPTY,))
        if preparation.doubts and not accepted:
            problems[case.name] = f"{case.name} {' and '.join(preparation.doubts)} (--accept takes it nevertheless)"
        twin = names.setdefault(case.content_sha256, case.name)
        if twin != case.name:
            problems[case.name] = f"{case.name} is the same scan as {twin}"
    return problems


def _refusal(problems: dict[str, str], count: int) -> InputError:
    lines = "\n".join(f"  {name}: {problem}" for name, problem in sorted(problems.items()))
    return InputError(f"{len(problems)} of {count} cases cannot be used:\n{lines}\nCorrect them, or leave them out "
                      f"with --skip {' '.join(sorted(problems))}; the other cases are kept for the next try.")


def _manifest_in(out: Path) -> Manifest | None:
    try:
        return read_manifest(out)
    except InputError:
        return None
