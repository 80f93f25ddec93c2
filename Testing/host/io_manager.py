"""Stand-in for Slicer's file readers and writers, on the real storage nodes: what slicer.util.loadVolume etc. ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6 import QtCore

from Testing.host.proxy import unwrap

_KINDS = ((".seg.nrrd", "SegmentationFile"), (".mrml", "SceneFile"), (".mrb", "SceneFile"),
          (".mrk.json", "MarkupsFile"), (".fcsv", "MarkupsFile"), (".seq.nrrd", "SequenceFile"),
          (".nrrd", "VolumeFile"), (".nhdr", "VolumeFile"), (".nii", "VolumeFile"), (".nii.gz", "VolumeFile"),
          (".mha", "VolumeFile"), (".mhd", "VolumeFile"), (".csv", "TableFile"), (".tsv", "TableFile"),
          (".h5", "TransformFile"), (".tfm", "TransformFile"), (".stl", "ModelFile"), (".vtk", "ModelFile"),
          (".txt", "TextFile"))


class IOManager(QtCore.QObject):
    """Reads and writes nodes and scenes."""

    newFileLoaded = QtCore.Signal(object)

    def __init__(self, scene: Any, application_logic: Any, logics: dict[str, Any]) -> None:
        super().__init__()
        self._scene, self._application, self._logics = scene, application_logic, logics

    def fileType(self, name: Any) -> str:
        found = [kind for ending, kind in _KINDS if str(name).lower().endswith(ending)]
        return found[0] if found else "NoFile"

    def fileWriterFileType(self, node: Any) -> str:
        return node.GetNodeTagName() + "File"

    def loadNodes(self, kind: str, properties: dict, collection: Any, _messages: Any = None) -> bool:
        reader = getattr(self, "_load_" + kind, None)
        if reader is None:
            raise NotImplementedError(f"This emulated host has no reader for '{kind}'.")
        if not Path(properties["fileName"]).exists():
            return False
        nodes = reader(properties)
        for node in nodes or ():
            collection.AddItem(node)
        return nodes is not None

    def saveNodes(self, kind: str, properties: dict, _messages: Any = None) -> bool:
        name = str(unwrap(properties["fileName"]))
        if kind == "SceneFile":
            return self._save_scene(name)
        node = self._scene.GetNodeByID(properties["nodeID"])
        storage = node.CreateDefaultStorageNode() if node.GetStorageNode() is None else node.GetStorageNode()
        self._scene.AddNode(storage)
        storage.SetFileName(name)
        node.SetAndObserveStorageNodeID(storage.GetID())
        return bool(storage.WriteData(node))

    def registeredFileReaderCount(self, _kind: str) -> int:
        return 1

    def _save_scene(self, name: str) -> bool:
        if name.endswith(".mrb"):
            return bool(self._scene.WriteToMRB(name))
        if name.endswith(".mrml"):
            self._scene.SetRootDirectory(str(Path(name).parent))
            self._scene.SetURL(name)
            return bool(self._scene.Commit(name))
        return bool(self._application.SaveSceneToSlicerDataBundleDirectory(name, None))

    def _load_SceneFile(self, properties: dict) -> Any:
        name, clear = str(properties["fileName"]), bool(properties.get("clear", False))
        if name.endswith(".mrb"):
            return [] if self._scene.ReadFromMRB(name, clear) else None
        self._scene.SetURL(name)
        return [] if (self._scene.Connect() if clear else self._scene.Import()) else None

    def _load_VolumeFile(self, properties: dict) -> Any:
        name = str(properties["fileName"])
        title = properties.get("name") or Path(name).name.split(".")[0]
        options = 1 if properties.get("labelmap") else 0
        node = self._logics["Volumes"].AddArchetypeVolume(name, title, options)
        if node is not None and properties.get("show", True) and not options:
            self._application.GetSelectionNode().SetActiveVolumeID(node.GetID())
            self._application.PropagateVolumeSelection()
        return [node] if node is not None else None

    def _load_SegmentationFile(self, properties: dict) -> Any:
        name = str(properties["fileName"])
        node = self._logics["Segmentations"].LoadSegmentationFromFile(name)
        return [node] if node is not None else None

    def _load_MarkupsFile(self, properties: dict) -> Any:
        name = str(properties["fileName"])
        title = properties.get("name") or Path(name).name.split(".")[0]
        identifiers = self._logics["Markups"].LoadMarkups(name, title)
        return [self._scene.GetNodeByID(i) for i in str(identifiers).split(",")] if identifiers else None

    def _load_TransformFile(self, properties: dict) -> Any:
        node = self._logics["Transforms"].AddTransform(str(properties["fileName"]), self._scene)
        return [node] if node is not None else None

    def _load_TableFile(self, properties: dict) -> Any:
        name = str(properties["fileName"])
        node = self._logics["Tables"].AddTable(name, Path(name).stem)
        return [node] if node is not None else None

    def _load_ModelFile(self, properties: dict) -> Any:
        node = self._logics["Models"].AddModel(str(properties["fileName"]))
        return [node] if node is not None else None

    def _load_SequenceFile(self, properties: dict) -> Any:
        node = self._logics["Sequences"].AddSequence(str(properties["fileName"]))
        return [node] if node is not None else None


def write_node(node: Any, folder: Path) -> None:
    """Writes a node's data into a file of its name in the folder; nodes without data are left out."""
    if not node.GetStorageNode() and not node.AddDefaultStorageNode():
        return
    storage = node.GetStorageNode()
    storage.SetFileName(str(folder / f"{node.GetName()}.{storage.GetDefaultWriteFileExtension()}"))
    storage.WriteData(node)
