"""The lines between child and window come through whole, in pieces, and beside the noise of others."""

import pytest

from MISTKDSegmentLib.child.messages import LONGEST_LINE, Done, Failed, Lines, SliceDone, Started, decode, encode
from MISTKDSegmentLib.inference.progress import Filled, Progress
from MISTKDSegmentLib.model.labels import ABDOMEN_LABELS
from MISTKDSegmentLib.report.quality import Quality
from MISTKDSegmentLib.report.table import OrganRow

MESSAGES = [
    Started(150),
    Progress(4, 150, Filled(0, 146, 150)),
    Progress(150, 150),
    SliceDone(3, Filled(2, 7, 8)),
    Done((OrganRow(ABDOMEN_LABELS[2], 150.25, 31.5, 1502, True), OrganRow(ABDOMEN_LABELS[0], 0.0, None, 0, False))),
    Done((OrganRow(ABDOMEN_LABELS[5], 60.0, 90.0, 600, False,
                   quality=Quality("look", 0.7, True, ("border unclear",), (1.0, 2.0, 3.5))),
          OrganRow(ABDOMEN_LABELS[1], 0.0, None, 0, False, quality=Quality("good", 0.9, False)))),
    Done((), (("Orientation unclear", "The file does not say which side is left."), ("HU shifted", "Air is at 0."))),
    Failed("input", "Größe fehlt; pass it.", "Traceback …\nline 2"),
]


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_one_line_and_comes_back_equal(message):
    line = encode(message)
    assert "\n" not in line
    assert decode(line.encode()) == message


def test_labels_keep_what_makes_a_volume_plausible():
    back = decode(encode(MESSAGES[4]).encode())
    assert [row.label.plausible_ml for row in back.rows] == [(50.0, 450.0), (20.0, 400.0)]


@pytest.mark.parametrize("line", [
    b"", b"libGL error", b"[1, 2]", b"3", b"{}", b'{"mistkd": "Nothing"}', b'{"mistkd": "Started"}', b"\xff\xfe",
    b'{"mistkd": "Done", "rows": [{}]}', b'{"mistkd": "Done", "rows": [], "doubts": ["?"]}',
    b'{"mistkd": ["Started"]}', b'{"mistkd": "Started", "slices_total": 1, "x": 2}'])
def test_what_others_print_is_passed_over(line):
    assert decode(line) is None


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_a_stream_in_pieces_gives_each_message_once_and_in_order(size):
    stream = b"".join(b"noise\n" + encode(message).encode() + b"\r\n" for message in MESSAGES)
    lines = Lines()
    found = [m for start in range(0, len(stream), size) for m in lines.feed(stream[start : start + size])]
    assert found == MESSAGES


def test_an_unfinished_line_waits_for_its_end():
    lines = Lines()
    half = encode(Started(1)).encode()
    assert lines.feed(half) == []
    assert lines.feed(b"\n") == [Started(1)]


def test_endless_noise_without_a_line_end_is_not_kept():
    lines = Lines()
    for _ in range(40):
        assert lines.feed(b"x" * 100_000) == []
    assert len(lines._rest) <= LONGEST_LINE
    assert lines.feed(b"\n" + encode(Started(1)).encode() + b"\n") == [Started(1)]


def test_slabs_along_one_axis_join_to_one_around_both():
    assert Filled(0, 8, 12).joined(Filled(0, 4, 8)) == Filled(0, 4, 12)
    assert Filled(1, 2, 5).index == (slice(None), slice(2, 5))
