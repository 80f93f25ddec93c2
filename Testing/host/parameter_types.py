"""Annotations of parameter nodes, and helpers that look into annotated types, under Slicer's names."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import Annotated, Any, Union

import slicer


class Validator:
    """Base of what a value is checked with."""

    def validate(self, value: Any) -> None:
        raise NotImplementedError


@dataclass
class WithinRange(Validator):
    minimum: Any
    maximum: Any

    def validate(self, value: Any) -> None:
        _require(self.minimum <= value <= self.maximum, f"{value} is outside [{self.minimum}, {self.maximum}].")


@dataclass
class Minimum(Validator):
    minimum: Any

    def validate(self, value: Any) -> None:
        _require(value >= self.minimum, f"{value} is below {self.minimum}.")


@dataclass
class Maximum(Validator):
    maximum: Any

    def validate(self, value: Any) -> None:
        _require(value <= self.maximum, f"{value} is above {self.maximum}.")


@dataclass
class Choice(Validator):
    choices: Any

    def validate(self, value: Any) -> None:
        _require(value in self.choices, f"{value!r} is none of {self.choices}.")


@dataclass
class Exclude(Validator):
    excludedValues: Any

    def validate(self, value: Any) -> None:
        _require(value not in self.excludedValues, f"{value!r} is not allowed.")


class NotNone(Validator):
    def validate(self, value: Any) -> None:
        _require(value is not None, "the value must not be None.")


class Default:
    """The default of a parameter, given as an annotation."""

    def __init__(self, value: Any) -> None:
        self.value = value


@dataclass
class Decimals:
    value: int


@dataclass
class SingleStep:
    value: Any


def splitAnnotations(kind: Any) -> tuple[Any, tuple]:
    parts = typing.get_args(Annotated[kind, "last"])
    return parts[0], parts[1:-1]


def unannotatedType(kind: Any) -> Any:
    return splitAnnotations(kind)[0]


def findFirstAnnotation(annotations: Any, kind: type) -> Any:
    return next((annotation for annotation in annotations if isinstance(annotation, kind)), None)


def isNodeOrUnionOfNodes(kind: Any) -> bool:
    plain = unannotatedType(kind)
    if typing.get_origin(plain) is Union:
        return all(part is type(None) or _is_node(unannotatedType(part)) for part in typing.get_args(plain))
    return _is_node(plain)


def getNodeTypes(kind: Any) -> tuple[str, ...]:
    plain = unannotatedType(kind)
    parts = typing.get_args(plain) if typing.get_origin(plain) is Union else (plain,)
    nodes = [unannotatedType(part) for part in parts if _is_node(unannotatedType(part))]
    if not nodes:
        raise TypeError(f"Cannot handle type {kind}")
    return tuple(node().GetClassName() for node in nodes)


def _is_node(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, slicer.vtkMRMLNode)


def _require(fine: bool, sentence: str) -> None:
    if not fine:
        raise ValueError(f"Value is not accepted: {sentence}")
