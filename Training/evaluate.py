"""Score a model bundle on a labelled data set through the inference code that ships: Dice and distances."""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from MISTKDSegmentLib.atomic import atomic_path
from MISTKDSegmentLib.bundle import Bundle, load_bundle
from MISTKDSegmentLib.errors import OutputError
from MISTKDSegmentLib.reading import read_label_map, read_volume
from MISTKDSegmentLib.runner import segment
from MISTKDSegmentLib.volume import Volume
from Training.command import run_command
from Training.dataset import (
    LabelledScan,
    Organ,
    check_same_grid,
    find_cases,
    identifier,
    match_organs,
    read_dataset,
    read_split,
    select_cases,
)
from Training.description import update_description
from Training.metrics import millimetre, presence, transunet

PROTOCOLS = {
    "transunet": "Dice and HD95 in voxels per volume as in TransUNet's tables: an organ invented scores 1 "
                 "and 0, an organ missed or absent from both scores 0 and 0.",
    "millimetre": "Dice, HD95 in mm and surface Dice at 2 mm: an organ missed or invented has Dice and "
                  "surface Dice 0 and no distance, an organ absent from both is left out; all are counted.",
}
PRESENCES = ("both", "missed", "invented", "absent")
BOOTSTRAP_RESAMPLES = 2000
BOOTSTRAP_SEED = 0

Advance = Callable[[int, int], None]


@dataclass(frozen=True)
class CaseScores:
    """What one case scored.

    Attributes:
        case: name of the case.
        seconds: wall-clock time of the segmentation alone, without reading and scoring.
        shape_kji: shape of the scan.
        spacing_mm: spacing of the scan along i, j and k.
        presence: organ -> "both", "missed", "invented" or "absent".
        scores: organ -> protocol -> metric -> value (NaN where undefined).
    """

    case: str
    seconds: float
    shape_kji: tuple[int, ...]
    spacing_mm: tuple[float, float, float]
    presence: dict[str, str]
    scores: dict[str, dict[str, dict[str, float]]]


def evaluate_case(case: LabelledScan, bundle: Bundle, organs: Sequence[Organ], *, threads: int = 0,
                  advance: Advance | None = None) -> CaseScores:
    """Segment one scan as the product does and score it in both protocols.

    Args:
        case: the scan and its reference.
        bundle: the model.
        organs: what to score.
        threads: threads of onnxruntime; 0 lets it choose.
        advance: told (slices done, slices in all) while the segmentation runs.

    Raises:
        InputError: the scan or label map cannot be used, or they do not lie on the same grid.
    """
    volume, reference = read_volume(case.image), read_label_map(case.label_map)
    check_same_grid(case, volume, reference)
    labels, seconds = _segmented(volume, bundle, threads, advance)
    found, scores = {}, {}
    for organ in organs:
        prediction = labels == organ.label.value
        real = np.isin(reference.voxels, organ.reference_values)
        found[organ.label.name] = presence(prediction, real)
        scores[organ.label.name] = {"transunet": transunet(prediction, real),
                                    "millimetre": millimetre(prediction, real, volume.spacing_mm)}
    return CaseScores(case.name, seconds, volume.voxels.shape, volume.spacing_mm, found, scores)


def summarise(results: Sequence[CaseScores]) -> dict[str, dict[str, Any]]:
    """Means per organ and over organs for each protocol.

    An organ's mean goes over the cases where the metric is defined; the overall mean goes over the organs'
    means, so that each organ counts the same however often it is there.

    Returns:
        Protocol -> "organs" (organ -> metric -> mean), "mean" (metric -> mean) and "mean_dice_ci95" (lower,
        upper); in `millimetre` also "counts" (organ -> presence -> cases). NaN where nothing is defined.
    """
    summary = {protocol: _summarise_protocol(results, protocol) for protocol in PROTOCOLS}
    summary["millimetre"]["counts"] = {
        organ: {kind: Counter(result.presence[organ] for result in results)[kind] for kind in PRESENCES}
        for organ in results[0].presence
    }
    return summary


def bootstrap_interval(scores: np.ndarray, *, seed: int = BOOTSTRAP_SEED,
                       resamples: int = BOOTSTRAP_RESAMPLES) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean over organs of the mean over cases.

    Whole cases are drawn, because organs of one patient are not independent. With fewer than about ten
    cases the interval is too narrow.

    Args:
        scores: array (cases, organs), NaN where undefined.
        seed: seed of the draws.
        resamples: number of draws.

    Returns:
        Lower and upper end; NaN for fewer than two cases and where nothing is defined.
    """
    cases = len(scores)
    if cases < 2:
        return float("nan"), float("nan")
    drawn = np.random.default_rng(seed).integers(0, cases, (resamples, cases))
    means = _mean(_mean(scores[drawn], axis=1), axis=1)
    means = means[~np.isnan(means)]
    if not means.size:
        return float("nan"), float("nan")
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def write_results(folder: Path, results: Sequence[CaseScores], facts: Mapping[str, Any]) -> None:
    """Write results.csv, results.json and dice.png.

    Args:
        folder: existing folder for the three files.
        results: scores of every case.
        facts: bundle, data, host and versions for results.json.

    Raises:
        OutputError: a file cannot be written.
    """
    summary = summarise(results)
    with atomic_path(folder / "results.csv") as path:
        _write_csv(path, results)
    with atomic_path(folder / "results.json") as path:
        document = {**facts, "protocols": PROTOCOLS, "summary": summary, "cases": _cases(results)}
        path.write_text(json.dumps(_plain(document), indent=2) + "\n", encoding="utf-8")
    with atomic_path(folder / "dice.png") as path:
        title = f"{facts['bundle']['name']} {facts['bundle']['version']}, {len(results)} cases"
        _dice_figure(results, title).savefig(path, dpi=150)


def print_table(results: Sequence[CaseScores], title: str, console: Console) -> None:
    """Print organ x metric for both protocols, the means and the confidence interval."""
    summary = summarise(results)
    columns = [("transunet", "dice"), ("transunet", "hd95_voxels"), ("millimetre", "dice"),
               ("millimetre", "hd95_mm"), ("millimetre", "surface_dice_2mm")]
    table = Table(title=f"{title}, {len(results)} cases", title_justify="left", box=SIMPLE_HEAD,
                  caption="m/i/a: cases with the organ missed/invented/absent from both", pad_edge=False)
    table.add_column("\norgan", no_wrap=True)
    for heading in ("transunet\nDice", "\nHD95 vox", "millimetre\nDice", "\nHD95 mm", "\nsurface", "\nm/i/a"):
        table.add_column(heading, justify="right", no_wrap=True)
    for organ, counts in summary["millimetre"]["counts"].items():
        cells = [_cell(summary[protocol]["organs"][organ][metric], metric) for protocol, metric in columns]
        table.add_row(organ, *cells, "/".join(str(counts[kind]) for kind in PRESENCES[1:]))
    table.add_section()
    means = [_cell(summary[protocol]["mean"][metric], metric) for protocol, metric in columns]
    table.add_row("mean", *means, "")
    console.print(table)
    for protocol in PROTOCOLS:
        low, high = summary[protocol]["mean_dice_ci95"]
        interval = "needs two cases" if np.isnan(low) else f"{low:.3f} to {high:.3f}"
        console.print(f"Mean Dice ({protocol}), 95 % bootstrap interval over cases: {interval}")


def main(argv: Sequence[str] | None = None) -> int:
    """Command line: 0 on success, the error's exit code and one line on standard error otherwise."""
    arguments = _parser().parse_args(argv)
    return run_command("evaluate", lambda: _evaluate(arguments))


def _evaluate(arguments: argparse.Namespace) -> None:
    dataset = read_dataset(arguments.data)
    cases = find_cases(arguments.data, str(dataset.get("file_ending", ".nii.gz")))
    chosen = select_cases(cases, read_split(arguments.split) if arguments.split else arguments.cases)
    bundle = load_bundle(arguments.model)
    organs = match_organs(bundle.labels, dataset["labels"])
    _make_folder(arguments.out)
    console = Console(markup=False, highlight=False)
    _say_what_is_left_out(bundle, dataset["labels"], organs, console)
    results = _evaluate_all(chosen, bundle, organs, arguments.threads)
    facts = {"bundle": {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256},
             "data": arguments.data.resolve().name,
             "threads": arguments.threads, **_machine_facts(),
             "bootstrap": {"resamples": BOOTSTRAP_RESAMPLES, "seed": BOOTSTRAP_SEED, "unit": "case"}}
    write_results(arguments.out, results, facts)
    if arguments.record:
        update_description(arguments.model, results={"cases": [result.case for result in results], **facts,
                                                     **_plain(summarise(results))})
    print_table(results, f"{bundle.name} {bundle.version}", console)
    console.print(f"Written: results.csv, results.json and dice.png in {arguments.out}")


def _evaluate_all(cases: Sequence[LabelledScan], bundle: Bundle, organs: Sequence[Organ],
                  threads: int) -> list[CaseScores]:
    results = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for number, case in enumerate(cases, 1):
            advance = _bar(progress, f"{case.name} ({number}/{len(cases)})")
            results.append(evaluate_case(case, bundle, organs, threads=threads, advance=advance))
    return results


def _bar(progress: Progress, title: str) -> Advance:
    task = progress.add_task(title, total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)


def _segmented(volume: Volume, bundle: Bundle, threads: int,
               advance: Advance | None) -> tuple[np.ndarray, float]:
    labels = np.zeros(volume.voxels.shape, np.uint8)
    start = time.perf_counter()
    for progress in segment(volume, bundle, labels, threads=threads):
        if advance is not None:
            advance(progress.slices_done, progress.slices_total)
    return labels, time.perf_counter() - start


def _summarise_protocol(results: Sequence[CaseScores], protocol: str) -> dict[str, Any]:
    organs = list(results[0].scores)
    metrics = list(results[0].scores[organs[0]][protocol])
    means = {metric: _mean(_scores(results, protocol, metric), axis=0) for metric in metrics}
    return {
        "organs": {organ: {metric: float(means[metric][column]) for metric in metrics}
                   for column, organ in enumerate(organs)},
        "mean": {metric: float(_mean(means[metric], axis=0)) for metric in _averaged(metrics)},
        "mean_dice_ci95": bootstrap_interval(_scores(results, protocol, "dice")),
    }


def _scores(results: Sequence[CaseScores], protocol: str, metric: str) -> np.ndarray:
    """Values as an array (cases, organs)."""
    return np.array([[scores[protocol][metric] for scores in result.scores.values()] for result in results])


def _averaged(metrics: Sequence[str]) -> list[str]:
    """Metrics that can be averaged over organs: the mean volume of a liver and an aorta says nothing."""
    return [metric for metric in metrics if not metric.endswith("_ml")]


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean of what is not NaN; NaN where everything is."""
    count = (~np.isnan(values)).sum(axis)
    return np.where(count > 0, np.nansum(values, axis) / np.maximum(count, 1), np.nan)


def _write_csv(path: Path, results: Sequence[CaseScores]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["case", "organ", "protocol", "metric", "value"])
        for result in results:
            for organ, protocols in result.scores.items():
                for protocol, metrics in protocols.items():
                    for metric, value in metrics.items():
                        writer.writerow([result.case, organ, protocol, metric, _or_none(value)])


def _cases(results: Sequence[CaseScores]) -> dict[str, Any]:
    return {result.case: {
        "seconds": round(result.seconds, 3),
        "shape_kji": list(result.shape_kji),
        "spacing_mm": list(result.spacing_mm),
        "mean": {protocol: _summarise_protocol([result], protocol)["mean"] for protocol in PROTOCOLS},
        "organs": {organ: {"presence": result.presence[organ], **scores}
                   for organ, scores in result.scores.items()},
    } for result in results}


def _dice_figure(results: Sequence[CaseScores], title: str) -> Figure:
    organs = list(results[0].scores)
    columns = [column[~np.isnan(column)] for column in _scores(results, "millimetre", "dice").T]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.boxplot(columns, showfliers=False, medianprops={"color": "black"})
    for place, column in enumerate(columns, 1):
        # Spread points evenly rather than at random: the same results give the same picture.
        spread = np.linspace(-0.15, 0.15, len(column)) if len(column) > 1 else np.zeros(len(column))
        axes.plot(place + spread, column, "o", markersize=5, alpha=0.7)
    axes.set_xticks(range(1, len(organs) + 1), [organ.replace("_", " ") for organ in organs], rotation=30,
                    ha="right", rotation_mode="anchor")
    axes.set(ylim=(-0.02, 1.02), ylabel="Dice per case", title=title)
    axes.grid(axis="y", alpha=0.3)
    return figure


def _machine_facts() -> dict[str, Any]:
    return {"host": {"cores": os.cpu_count(), "machine": platform.machine(), "system": platform.system()},
            "versions": {"python": platform.python_version(),
                         **{package: _version(package) for package in ("numpy", "onnxruntime", "scipy")}}}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:  # e.g. a build of onnxruntime under another distribution name
        return getattr(sys.modules.get(package), "__version__", None)


def _say_what_is_left_out(bundle: Bundle, reference_labels: Mapping[str, Any], organs: Sequence[Organ],
                          console: Console) -> None:
    scored = {identifier(organ.label.name) for organ in organs} | {"background", "ignore"}
    names = [*(label.name for label in bundle.labels), *reference_labels]
    left_out = [name for name in dict.fromkeys(names) if identifier(name) not in scored]
    if left_out:
        console.print(f"Not scored, as only the model or only the data set has it: {', '.join(left_out)}")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made ({error.strerror}); choose another --out") from error


def _cell(value: float, metric: str) -> str:
    return "-" if np.isnan(value) else f"{value:.1f}" if metric.startswith("hd95") else f"{value:.3f}"


def _plain(value: Any) -> Any:
    """The same document with NaN as null, which JSON has no word for."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return _or_none(value) if isinstance(value, float) else value


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


def _threads(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="evaluate", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, metavar="FOLDER",
                        help="model bundle: folder with model.onnx and model.json")
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER",
                        help="nnU-Net raw data set with dataset.json, imagesTr and labelsTr")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--cases", nargs="+", metavar="CASE", help="cases to score (default: all labelled)")
    which.add_argument("--split", type=Path, metavar="FILE",
                       help='JSON with a list "validation" of case names, or nnU-Net\'s splits_final.json')
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER",
                        help="where results.csv, results.json and dice.png go")
    parser.add_argument("--threads", type=_threads, default=0, metavar="N",
                        help="CPU threads of onnxruntime; 0 (the default) lets it choose")
    parser.add_argument("--record", action="store_true", help="write the means into the bundle's model.json as well")
    return parser


if __name__ == "__main__":
    sys.exit(main())
