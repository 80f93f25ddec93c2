"""CT scans of the abdomen that Slicer's Sample Data module offers under this module's name (touches slicer)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _

CATEGORY = "MISTKD Segment"


@dataclass(frozen=True)
class Sample:
    """One of Slicer's own sample scans.

    Attributes:
        name: of the sample.
        file_name: under which it is kept.
        sha256: of the file; it is also the file's place in Slicer's store of test data.
    """

    name: str
    file_name: str
    sha256: str


SAMPLES = (
    Sample("CTLiver", "CTLiver.nrrd", "e16eae0ae6fefa858c5c11e58f0f1bb81834d81b7102e021571056324ef6f37e"),
    Sample("CTAAbdomenPanoramix", "Panoramix-cropped.nrrd",
           "146af87511520c500a3706b7b2bfb545f40d5d04dd180be3a7a2c6940e447433"),
)


def register_sample_data() -> None:
    """Offer the scans; to be called when Slicer has started."""
    import SampleData  # type: ignore[import-not-found]  # a module of Slicer
    from slicer.util import TESTING_DATA_URL

    logic = SampleData.SampleDataLogic
    # Before Slicer 5.12 a category is its title.
    if hasattr(logic, "registerCustomSampleDataCategory"):
        logic.registerCustomSampleDataCategory(CATEGORY, title=_("MISTKD Segment"))
    for sample in SAMPLES:
        logic.registerCustomSampleDataSource(
            # By the name of the node Slicer finds its own thumbnail.
            category=CATEGORY, sampleName=sample.name, nodeNames=Path(sample.file_name).stem,
            fileNames=sample.file_name, uris=f"{TESTING_DATA_URL}SHA256/{sample.sha256}",
            checksums=f"SHA256:{sample.sha256}")
