"""What the status line says: news while it is news, else what can be done next."""

from __future__ import annotations


class StatusLine:
    """Keeps a sentence until something is changed."""

    def __init__(self) -> None:
        self._state: object = None
        self._sentence = ""

    def say(self, sentence: str) -> None:
        """Say this from now on."""
        self._state, self._sentence = None, sentence

    def sentence(self, state: object) -> str:
        """What is to be said.

        Args:
            state: all that may be changed; compared with what it was when the sentence was first asked for.

        Returns:
            "" once something was changed: not even changing it back makes it news again.
        """
        if self._state not in (None, state):
            self._sentence = ""
        self._state = state
        return self._sentence
