"""Archives with nothing in them that differs from run to run: no owners, no present time, no order by chance."""

from __future__ import annotations

import gzip
import tarfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from io import BytesIO

_REGULAR_FILE = 0o100644


def packed_zip(files: Mapping[str, bytes], folders: Sequence[str], time_s: int) -> bytes:
    """A zip archive.

    Args:
        files: content by path below a folder.
        folders: each of them gets all files.
        time_s: of every file, in seconds since 1970.
    """
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for folder in folders:
            for name, content in files.items():
                info = zipfile.ZipInfo(f"{folder}/{name}", time.gmtime(time_s)[:6])
                info.create_system, info.external_attr = 3, _REGULAR_FILE << 16
                archive.writestr(info, content, zipfile.ZIP_DEFLATED, 9)
    return packed.getvalue()


def packed_tar(files: Mapping[str, bytes], folders: Sequence[str], time_s: int) -> bytes:
    """A gzipped tar archive; takes the arguments of `packed_zip` and holds each content once.

    There are no entries for folders: Slicer goes by the folder that the first entry lies in.
    """
    packed = BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as compressed, \
            tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for folder in folders:
            for name, content in files.items():
                info = tarfile.TarInfo(f"{folder}/{name}")
                info.mode, info.mtime, info.size = 0o644, time_s, len(content)
                if folder != folders[0]:
                    info.type, info.linkname, info.size = tarfile.LNKTYPE, f"{folders[0]}/{name}", 0
                archive.addfile(info, BytesIO(content))
    return packed.getvalue()
