"""Truncated, overwritten and bit-flipped files: one sentence, or the scan; never half of it (see `scale`).

Headers without a checksum can turn into other good headers, and raw voxels into other voxels: there a result is right.
Where there is a checksum, the result is the scan as it was.
"""

from __future__ import annotations

import gzip
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from Testing.corpus import scans
from Testing.corpus.line import check_ending, read_segment_write
from Testing.corpus.scale import cases

FORMS = [(suffix, False) for suffix in scans.SUFFIXES] + [(suffix, True) for suffix in scans.COMPRESSED]
# Places by share of the file, so that headers, voxels and checksums all get their part.
PLACES = st.one_of(st.floats(0, 0.05), st.floats(0, 1), st.floats(0.99, 1))
FLIPS = st.tuples(st.just("flip"), PLACES, st.integers(0, 7))
WORDS = [b"\0", b"\xff" * 4, b"9999", b"-1", b"\n", b"nan", b"\x7f"]
WRITES = st.tuples(st.just("write"), PLACES, st.sampled_from(WORDS))
CUTS = st.tuples(st.just("cut"), PLACES, st.integers(1, 40))
DAMAGE = st.lists(st.one_of(FLIPS, FLIPS, WRITES, CUTS), min_size=1, max_size=3)


def damaged(content: bytes, damage) -> bytes:
    data = bytearray(content)
    for kind, share, what in damage:
        at = int(share * (len(data) - 1))
        if kind == "flip":
            data[at] ^= 1 << what
        elif kind == "write":
            data[at : at + len(what)] = what
        else:
            del data[at : at + what]
    return bytes(data)


def run(path: Path, bundle: Path, work):
    out = path.parent / "out" / "result.nii.gz"
    shutil.rmtree(out.parent, ignore_errors=True)
    out.parent.mkdir()
    outcome = work(read_segment_write, path, bundle, out)
    check_ending(outcome, path, out)
    return outcome


def is_as_it_was(outcome, scan) -> bool:
    volume = outcome.volume
    return (np.array_equal(volume.voxels, scan.hu) and np.allclose(volume.ijk_to_lps, scan.ijk_to_lps, atol=1e-4))


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """The same scan in every form: its folder, its file and the file with its voxels."""
    folder, found = tmp_path_factory.mktemp("originals"), {}
    for suffix, compress in FORMS:
        place = folder / f"{suffix}{compress}"
        place.mkdir()
        path = scans.write(noisy(), place / f"scan{suffix}", compress=compress)
        found[suffix, compress] = path
    return found


def noisy():
    """Noise makes compressed voxels more than a few bytes."""
    scan = scans.plain()
    scan.hu[...] += np.random.default_rng(0).integers(-20, 20, scan.hu.shape).astype(np.int16)
    return scan


@cases(60)
@given(form=st.sampled_from(FORMS), damage=DAMAGE)
def test_damaged_files(bundle, work, originals, tmp_path_factory, form, damage):
    path = copied(originals[form], tmp_path_factory)
    path.write_bytes(damaged(path.read_bytes(), damage))
    run(path, bundle, work)


@cases(40)
@given(form=st.sampled_from([form for form in FORMS if form[1]]), damage=DAMAGE)
def test_compressed_voxels_are_never_half_read(bundle, work, originals, tmp_path_factory, form, damage):
    path = copied(originals[form], tmp_path_factory)
    content = path.read_bytes()
    start = 0 if form[0] == ".nii.gz" else max(content.find(b"\n\n\x1f\x8b") + 2, content.find(b"LOCAL\n") + 6)
    path.write_bytes(content[:start] + damaged(content[start:], damage))
    outcome = run(path, bundle, work)
    assert outcome.error or is_as_it_was(outcome, noisy())


@cases(25)
@given(form=st.sampled_from([form for form in FORMS if form[0] not in (".nhdr", ".mhd")]), keep=PLACES)
def test_truncated_files(bundle, work, originals, tmp_path_factory, form, keep):
    path = copied(originals[form], tmp_path_factory)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * (len(content) - 1))])
    assert run(path, bundle, work).error


@cases(25)
@given(damage=DAMAGE, whole=st.booleans())
def test_damaged_dicom_slices(bundle, work, tmp_path_factory, damage, whole):
    folder = scans.write_dicom(noisy(), tmp_path_factory.mktemp("dicom") / "scan")
    path = folder / "002.dcm"
    data = damaged(path.read_bytes(), damage) if whole else path.read_bytes()[: int(damage[0][1] * 1000)]
    path.write_bytes(data)
    outcome = run(folder, bundle, work)
    assert whole or outcome.error


@pytest.mark.parametrize("suffix", scans.COMPRESSED)
def test_every_flipped_bit_of_a_checksum_is_found(bundle, work, originals, tmp_path_factory, suffix):
    path = copied(originals[suffix, True], tmp_path_factory)
    content = path.read_bytes()
    # gzip ends in CRC-32 and length, 4 bytes each; zlib in 4 bytes of Adler-32.
    for bit in range(0, 32, 5):
        data = bytearray(content)
        data[len(data) - (4 if suffix == ".mha" else 8) + bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        assert "damaged" in run(path, bundle, work).error


def test_small_files_that_unpack_to_gigabytes_are_refused_unread(bundle, work, originals, tmp_path_factory):
    header = originals[".nrrd", True].read_bytes().split(b"\n\n")[0] + b"\n\n"
    path = tmp_path_factory.mktemp("bomb") / "scan.nrrd"
    path.write_bytes(header + bomb())
    assert "more voxels than" in run(path, bundle, work).error


def test_a_nifti_that_unpacks_to_gigabytes_is_refused_unread(bundle, work, originals, tmp_path_factory):
    path = copied(originals[".nii.gz", True], tmp_path_factory)
    header = gzip.decompress(path.read_bytes())
    path.write_bytes(bomb(header))
    assert "more voxels than" in run(path, bundle, work).error


def bomb(start: bytes = b"") -> bytes:
    """A gigabyte of zeros in a megabyte, whose end is damaged: who reads it to the end says so."""
    packer = zlib.compressobj(1, wbits=31)
    head, mega = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH), packer.compress(bytes(1 << 20))
    mega += packer.flush(zlib.Z_FULL_FLUSH)
    return head + mega * 1024 + b"damaged"


def copied(path: Path, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("case")
    for one in path.parent.iterdir():
        shutil.copy(one, folder)
    return folder / path.name
