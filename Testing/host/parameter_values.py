"""How a parameter node keeps values: the same names and texts in the node as the real wrapper writes."""

from __future__ import annotations

import collections.abc
import enum
import pathlib
import typing
from typing import Any, Union

import slicer

from Testing.host.parameter_types import Validator, splitAnnotations

_PATHS = (pathlib.Path, pathlib.PosixPath, pathlib.PurePath, pathlib.PurePosixPath)


class Kept:
    """One kind of value; `validators` check each value before it is written."""

    def __init__(self, kind: Any, validators: tuple = (), none_allowed: bool = False) -> None:
        self.kind, self.validators, self.none_allowed = kind, list(validators), none_allowed

    def check(self, value: Any) -> None:
        if value is None and not self.none_allowed:
            raise ValueError("Value must not be None")
        if value is not None and not isinstance(value, (int, float) if self.kind is float else self.kind):
            raise TypeError(f"Value must be of type '{self.kind}', is type '{type(value)}' value '{value}'")
        for validator in self.validators:
            validator.validate(value)

    def default(self) -> Any:
        return {int: 0, float: 0, str: "", bool: False}.get(self.kind)

    def is_in(self, node: Any, name: str) -> bool:
        return bool(node.HasParameter(name))

    def write(self, node: Any, name: str, value: Any) -> None:
        self.check(value)
        node.SetParameter(name, str(value))

    def read(self, node: Any, name: str) -> Any:
        text = node.GetParameter(name)
        return text == "True" if self.kind is bool else self.kind(text)

    def remove(self, node: Any, name: str) -> None:
        node.UnsetParameter(name)


class KeptPath(Kept):
    def default(self) -> Any:
        return self.kind()


class KeptEnum(Kept):
    def default(self) -> Any:
        return next(iter(self.kind))

    def write(self, node: Any, name: str, value: Any) -> None:
        self.check(value)
        node.SetParameter(name, value.name)

    def read(self, node: Any, name: str) -> Any:
        return self.kind[node.GetParameter(name)]


class KeptNode(Kept):
    """A node by reference, so that it follows a renumbered id when a scene is loaded."""

    def __init__(self, kind: Any, validators: tuple = ()) -> None:
        super().__init__(kind, validators, none_allowed=True)

    def write(self, node: Any, name: str, value: Any) -> None:
        self.check(value)
        node.SetParameter(name, "")
        node.SetNodeReferenceID(name, value.GetID() if value is not None else None)

    def read(self, node: Any, name: str) -> Any:
        return node.GetNodeReference(name)

    def remove(self, node: Any, name: str) -> None:
        node.UnsetParameter(name)
        node.RemoveNodeReferenceIDs(name)


class KeptNone(Kept):
    def __init__(self) -> None:
        super().__init__(type(None), none_allowed=True)

    def read(self, node: Any, name: str) -> None:
        return None


class KeptList(Kept):
    """`name_len` and `name_0`, `name_1`, …"""

    def __init__(self, element: Kept, validators: tuple = ()) -> None:
        super().__init__(collections.abc.Sequence, validators)
        self.element, self.length = element, Kept(int)

    def default(self) -> Any:
        return []

    def is_in(self, node: Any, name: str) -> bool:
        return bool(node.HasParameter(f"{name}_len"))

    def write(self, node: Any, name: str, value: Any) -> None:
        for validator in self.validators:
            validator.validate(value)
        values = list(value)
        for item in values:
            self.element.check(item)
        with slicer.util.NodeModify(node):
            before = self._count(node, name)
            for index, item in enumerate(values):
                self.element.write(node, f"{name}_{index}", item)
            self.length.write(node, f"{name}_len", len(values))
            for index in range(len(values), before):
                self.element.remove(node, f"{name}_{index}")

    def read(self, node: Any, name: str) -> Any:
        items = [self.element.read(node, f"{name}_{index}") for index in range(self._count(node, name))]
        return ObservedList(node, self, name, items)

    def remove(self, node: Any, name: str) -> None:
        for index in range(self._count(node, name)):
            self.element.remove(node, f"{name}_{index}")
        node.UnsetParameter(f"{name}_len")

    def _count(self, node: Any, name: str) -> int:
        return self.length.read(node, f"{name}_len") if self.is_in(node, name) else 0


class ObservedList(collections.abc.MutableSequence):
    """A list that writes itself back into the node at each change. Adding with + is refused, as in Slicer."""

    def __init__(self, node: Any, kept: KeptList, name: str, items: list) -> None:
        self._node, self._kept, self._name, self._list = node, kept, name, items

    def _save(self) -> None:
        self._kept.write(self._node, self._name, self._list)

    def __len__(self) -> int:
        return len(self._list)

    def __getitem__(self, index: Any) -> Any:
        return self._list[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._list[index] = value
        self._save()

    def __delitem__(self, index: Any) -> None:
        del self._list[index]
        self._save()

    def insert(self, index: int, value: Any) -> None:
        self._list.insert(index, value)
        self._save()

    def sort(self, *args: Any, **keywords: Any) -> None:
        self._list.sort(*args, **keywords)
        self._save()

    def __eq__(self, other: Any) -> bool:
        return bool(self._list == (other._list if isinstance(other, ObservedList) else other))

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Any) -> Any:
        raise NotImplementedError("Adding an ObservedList is not supported. However, += is supported.")

    __radd__ = __add__

    def __repr__(self) -> str:
        return f"ObservedList({self._list})"


class KeptUnion(Kept):
    """Optional and Union: `name_0`, `name_1`, … of which one is there."""

    def __init__(self, choices: list[Kept]) -> None:
        super().__init__(object, none_allowed=True)
        self.choices = choices

    def default(self) -> Any:
        if len(self.choices) == 2 and isinstance(self.choices[1], KeptNone):
            return None
        return self.choices[0].default()

    def is_in(self, node: Any, name: str) -> bool:
        return any(choice.is_in(node, f"{name}_{index}") for index, choice in enumerate(self.choices))

    def write(self, node: Any, name: str, value: Any) -> None:
        index = self._index(value)
        with slicer.util.NodeModify(node):
            self.remove(node, name)
            self.choices[index].write(node, f"{name}_{index}", value)

    def read(self, node: Any, name: str) -> Any:
        for index, choice in enumerate(self.choices):
            if choice.is_in(node, f"{name}_{index}"):
                return choice.read(node, f"{name}_{index}")
        raise KeyError(f"Unable to find value for name: {name}")

    def remove(self, node: Any, name: str) -> None:
        for index, choice in enumerate(self.choices):
            choice.remove(node, f"{name}_{index}")

    def _index(self, value: Any) -> int:
        for index, choice in enumerate(self.choices):
            if isinstance(choice, KeptNone) != (value is None):
                continue
            try:
                choice.check(value)
            except TypeError:
                continue
            return index
        raise TypeError(f"Unable to write value '{value}' of type '{type(value)}'")


def kept(annotated: Any) -> tuple[Kept, list]:
    """What keeps values of a type, and the annotations that it did not use.

    Raises:
        TypeError: A type that the real wrapper cannot keep either (`A | B` for instance).
    """
    kind, annotations = splitAnnotations(annotated)
    validators = tuple(a for a in annotations if isinstance(a, Validator))
    rest = [a for a in annotations if not isinstance(a, Validator)]
    return _made(kind, validators), rest


def _made(kind: Any, validators: tuple) -> Kept:
    origin = typing.get_origin(kind)
    if kind in (int, float, str, bool):
        return Kept(kind, validators)
    if kind in _PATHS:
        return KeptPath(kind, validators)
    if kind is type(None):
        return KeptNone()
    if origin is list:
        return KeptList(kept(typing.get_args(kind)[0])[0], validators)
    if origin is Union:
        return KeptUnion([kept(part)[0] for part in typing.get_args(kind)])
    if isinstance(kind, type) and issubclass(kind, slicer.vtkMRMLNode):
        return KeptNode(kind, validators)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return KeptEnum(kind, validators)
    raise TypeError(f"Unable to create serializer for type: {kind}")
