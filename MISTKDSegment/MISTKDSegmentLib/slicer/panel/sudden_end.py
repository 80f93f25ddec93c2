"""Why the child ended without a word (touches slicer for translations alone)."""

from __future__ import annotations

from slicer.i18n import tr as _

from MISTKDSegmentLib.cgroup import memory_kills
from MISTKDSegmentLib.child.job import Job
from MISTKDSegmentLib.child.last_word import find
from MISTKDSegmentLib.system import usable_memory

_KILLED = (9, 128 + 9)  # by SIGKILL, and as a shell or launcher says it
# Slicer's launcher gives exit code 1, whatever signal ended what it had started, and says this.
_LAUNCHER_SAYS = b"exit abnormally"
# Of the memory that there is: a child that had as much and was killed was killed for it.
_MUCH = 0.5


class SuddenEnd:
    """Finds out what happened to a child, from what was before it started and what it left behind.

    Args:
        job: the folder that it works in.
    """

    def __init__(self, job: Job) -> None:
        self._job, self._kills_before, self._launcher_said = job, memory_kills(), False

    def hear(self, line: bytes) -> None:
        """Note a line that it, or its launcher, printed on standard error."""
        self._launcher_said = self._launcher_said or _LAUNCHER_SAYS in line

    def sentence(self, code: int, crashed: bool) -> str:
        """What to say.

        Args:
            code: with which it ended; of a crash, the signal.
            crashed: whether that is a signal.
        """
        if not self._job.folder.exists():
            return _("The temporary folder {folder} was deleted during the segmentation; start again.").format(
                folder=self._job.folder)
        killed = code in _KILLED
        if killed or self._launcher_said:
            certain = memory_kills() > self._kills_before or self._had_much()
            return self._for_memory(certain) if certain or killed else self._ended()
        if crashed:
            return _("The segmentation process crashed (code {code}){state}; start again, and report it with the "
                     "Python log if it happens again.").format(code=code, state=self._state())
        return _("The segmentation process ended without a result (code {code}){state}; the Python log has what it "
                 "said.").format(code=code, state=self._state())

    def _for_memory(self, certain: bool) -> str:
        if certain:
            sentence = _("The system ended the segmentation because memory ran out{state}; close other programs or "
                         "crop the volume, then start again.")
        else:
            sentence = _("The system ended the segmentation, most likely because memory ran out{state}; close other "
                         "programs or crop the volume, then start again.")
        return sentence.format(state=self._state())

    def _ended(self) -> str:
        return _("The segmentation process crashed or was ended by another program{state}; start again, and report it "
                 "with the Python log if it happens again.").format(state=self._state())

    def _had_much(self) -> bool:
        word, there = find(self._job.folder), usable_memory()
        return bool(word and word.peak_bytes and there and word.peak_bytes > _MUCH * there)

    def _state(self) -> str:
        """How it was doing, in brackets, or nothing where it left no word."""
        word, there = find(self._job.folder), usable_memory()
        if word is None:
            return ""
        known = []
        if word.slices_total:
            known.append(_("after {done} of {total} slices").format(done=word.slices_done, total=word.slices_total))
        if word.peak_bytes and there:
            known.append(_("with {peak:.1f} of {there:.1f} GB of memory").format(
                peak=word.peak_bytes / 1e9, there=there / 1e9))
        return f" ({', '.join(known)})" if known else ""
