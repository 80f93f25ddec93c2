"""The word that a child leaves in its folder."""

from __future__ import annotations

import pytest

from MISTKDSegmentLib.child.last_word import LastWord, find, leave, make_room


def test_the_last_word_counts_whether_it_is_longer_or_shorter_than_the_one_before(tmp_path):
    make_room(tmp_path)
    for word in (LastWord(None), LastWord(123_456_789_012, 1499, 1500), LastWord(7, 0, 1)):
        leave(tmp_path, word)
        assert find(tmp_path) == word


@pytest.mark.parametrize("content", [None, b" " * 200, b"[]", b'{"peak_bytes": 1, "other": 2}', b"\xff", b'{"peak'])
def test_where_nothing_was_left_there_is_no_word(tmp_path, content):
    if content is not None:
        (tmp_path / "last_word.json").write_bytes(content)
    assert find(tmp_path) is None


def test_a_folder_that_is_being_deleted_gets_no_new_file(tmp_path):
    leave(tmp_path, LastWord(1))
    leave(tmp_path / "gone", LastWord(1))
    assert list(tmp_path.iterdir()) == []
