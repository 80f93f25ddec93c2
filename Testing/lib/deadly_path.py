"""A path that really kills the process that looks at it."""

import os
import signal
from pathlib import Path


class DeadlyPath(type(Path())):  # type: ignore[misc]  # it differs between systems
    """Kills as often as the file PATH.deaths says, and is the path of a scan from then on."""

    def __fspath__(self):
        counter = f"{self}.deaths"
        with open(counter, encoding="utf-8") as file:
            left = int(file.read())
        if left:
            with open(counter, "w", encoding="utf-8") as file:
                file.write(str(left - 1))
            os.kill(os.getpid(), signal.SIGKILL)
        return str(self)


def deadly(path, deaths):
    """The path, once what is left to it is written down."""
    Path(f"{path}.deaths").write_text(str(deaths), encoding="utf-8")
    return DeadlyPath(path)
