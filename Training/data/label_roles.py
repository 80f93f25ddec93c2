"""Translation of a data set's labels into ours, by name and by voxel value."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from MISTKDSegmentLib.errors import InputError
from MISTKDSegmentLib.geometry.volume import Volume
from MISTKDSegmentLib.model.labels import Label
from Training.data.label_map import LabelMap, identifier
from Training.data.prepared import IGNORE
from Training.data.sides import split_sides
from Training.system.words import listed


@dataclass(frozen=True)
class Roles:
    """Meaning of a data set's labels to us, by name.

    Attributes:
        organs: channel number -> their labels.
        sides: their labels, channel number on the left, channel number on the right.
        ignore: their labels that become `IGNORE`.
    """

    organs: Mapping[int, tuple[str, ...]]
    sides: tuple[tuple[tuple[str, ...], int, int], ...] = ()
    ignore: tuple[str, ...] = ()

    @property
    def used(self) -> set[str]:
        """Labels of theirs that become something."""
        groups = (*self.organs.values(), *(labels for labels, _, _ in self.sides), self.ignore)
        return {label for group in groups for label in group}

    def annotated(self, organs: Sequence[Label], present: Collection[str] | None = None) -> tuple[str, ...]:
        """Names of the organs that come of it, in their order.

        Args:
            organs: the organs asked for.
            present: their labels that a scan's reference annotates; None for all. An organ that is made up of several
                is annotated where all of them are.
        """
        needs = [*((channel, labels) for channel, labels in self.organs.items()),
                 *((channel, labels) for labels, *both in self.sides for channel in both)]
        lacking = {channel for channel, labels in needs if present is not None and not set(labels) <= set(present)}
        found = {channel for channel, _ in needs} - lacking
        return tuple(organs[channel - 1].name for channel in sorted(found))


@dataclass(frozen=True)
class ValueTable:
    """Translation of the voxel values of a label map into channel numbers.

    Attributes:
        channels: for each value from 0 to 255 its channel number, 0 or `IGNORE`.
        declared: the values that the data set declares.
        sides: values to be told apart by side, channel number on the left, channel number on the right.
        annotated: names of our organs that come of it, in our order.
        unused: their labels with a value that becomes nothing of ours.
    """

    channels: tuple[int, ...]
    declared: frozenset[int]
    sides: tuple[tuple[tuple[int, ...], int, int], ...]
    annotated: tuple[str, ...]
    unused: tuple[str, ...]

    def apply(self, values: np.ndarray, volume: Volume, path: Path) -> np.ndarray:
        """Channel numbers of a label map.

        Args:
            values: uint8 array (k, j, i) on the grid of `volume`.
            volume: the scan, in whose body left and right are told apart.
            path: of the label map, for messages.

        Returns:
            uint8 array of the same shape.

        Raises:
            InputError: a value is not declared by the data set.
        """
        strangers = [value for value in _values_in(values) if value not in self.declared]
        if strangers:
            raise InputError(f"{path} has the label values {listed(map(str, strangers))}, which the data set does not "
                             f"declare ({listed(map(str, sorted(self.declared)))}); correct it or declare them.")
        channels = np.asarray(self.channels, np.uint8)[values]
        for sided, left, right in self.sides:
            split_sides(channels, np.isin(values, sided), volume, left=left, right=right, unclear=IGNORE)
        return channels


def value_table(
    organs: Sequence[Label], theirs: Mapping[str, tuple[int, ...]], label_map: LabelMap | None, source: Path
) -> ValueTable:
    """Work out what each label value of a data set becomes.

    Args:
        organs: the organs asked for; the channel number of each is its position + 1.
        theirs: the data set's labels: name -> values (several for a region). "background" and whatever has the
            value 0 become background, "ignore" becomes `IGNORE`.
        label_map: None matches by name.
        source: where `theirs` was declared, for messages.

    Raises:
        InputError: no organ comes of it, the map names labels that are not there, or two organs want one value.
    """
    values_of = {str(value): (value,) for values in theirs.values() for value in values} | dict(theirs)
    roles = assign(organs, values_of, label_map, source)
    channels = [0] * 256
    sides = tuple((_values(labels, values_of), left, right) for labels, left, right in roles.sides)
    claims = [*((_values(labels, values_of), channel) for channel, labels in roles.organs.items()),
              *((values, left) for values, left, _ in sides)]
    for values, channel in claims:
        for value in values:
            if channels[value] not in (0, channel):
                raise InputError(f"the label value {value} of {source} is claimed by both "
                                 f"{organs[channels[value] - 1].name} and {organs[channel - 1].name}; "
                                 "give it to one of them in the label map.")
            channels[value] = channel
    ignored = {*_values(roles.ignore, values_of), *_values([n for n in theirs if identifier(n) == "ignore"], theirs)}
    for value in ignored:
        channels[value] = IGNORE
    channels[0] = 0
    unused = tuple(name for name, values in theirs.items() if any(value and not channels[value] for value in values))
    sides = tuple((tuple(value for value in values if value not in ignored), left, right)
                  for values, left, right in sides)
    declared = frozenset({0, *(value for values in theirs.values() for value in values)})
    return ValueTable(tuple(channels), declared, sides, roles.annotated(organs), unused)


def assign(organs: Sequence[Label], theirs: Iterable[str], label_map: LabelMap | None, source: Path) -> Roles:
    """Work out what each label of a data set becomes, by name.

    Args:
        organs: the organs asked for; the channel number of each is its position + 1.
        theirs: names of the data set's labels.
        label_map: None matches by name, whatever the spelling of the spaces and the order of the words.
        source: where `theirs` was declared, for messages.

    Raises:
        InputError: no organ comes of it, or the map names labels that are not there.
    """
    theirs = list(theirs)
    if label_map is None:
        roles = _assign_by_name(organs, theirs, source)
    else:
        roles = _assign_by_map(organs, theirs, label_map, source)
    if not roles.annotated(organs):
        hint = "write a label map" if label_map is None else f"correct {label_map.source}"
        raise InputError(f"the labels of {source} ({listed(name for name in theirs if not name.isdigit())}) "
                         f"give none of the organs ({listed(organ.name for organ in organs)}); {hint}.")
    return roles


def _words(name: str) -> tuple[str, ...]:
    """Words of a name in one order, alike for all its spellings: "Kidney left" is "left_kidney"."""
    return tuple(sorted(word for word in identifier(name).split("_") if word))


def _assign_by_name(organs: Sequence[Label], theirs: Sequence[str], source: Path) -> Roles:
    found = {channel: _spelt(organ.name, theirs, source) for channel, organ in enumerate(organs, 1)}
    return Roles({channel: (name,) for channel, name in found.items() if name is not None})


def _assign_by_map(organs: Sequence[Label], theirs: Sequence[str], label_map: LabelMap, source: Path) -> Roles:
    channel_of = {identifier(organ.name): channel for channel, organ in enumerate(organs, 1)
                  if identifier(organ.name) not in label_map.unknown}

    def found(labels: Iterable[str]) -> tuple[str, ...]:
        return tuple(_find(label, theirs, label_map, source) for label in labels)

    organs_found = {channel_of[name]: found(labels) for name, labels in label_map.organs.items() if name in channel_of}
    sides = tuple((found(side.labels), channel_of[side.left], channel_of[side.right])
                  for side in label_map.sides if side.left in channel_of and side.right in channel_of)
    return Roles(organs_found, sides, found(label_map.ignore))


def _find(label: str, theirs: Sequence[str], label_map: LabelMap, source: Path) -> str:
    for spelling in label.split("|"):
        if (name := _spelt(spelling, theirs, source)) is not None:
            return name
    raise InputError(f"{label_map.source} names the label {label}, which {source} does not have "
                     f"({listed(theirs)}); correct the label map.")


def _spelt(name: str, theirs: Sequence[str], source: Path) -> str | None:
    """The label of theirs that is spelt like a name, exactly or but for spaces and the order of words."""
    if name in theirs:
        return name
    alike = [one for one in theirs if _words(one) == _words(name)]
    if len(alike) > 1:
        raise InputError(f"{source} has the labels {listed(alike)}, which mean the same; name the right one in a "
                         "label map as it is spelt there.")
    return alike[0] if alike else None


def _values(labels: Iterable[str], values_of: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(value for label in labels for value in values_of[label])


def _values_in(labels: np.ndarray) -> list[int]:
    # Slice by slice: bincount turns what it counts into 64-bit numbers.
    counts = sum(np.bincount(part.ravel(), minlength=256) for part in labels)
    return [int(value) for value in np.flatnonzero(counts)]
