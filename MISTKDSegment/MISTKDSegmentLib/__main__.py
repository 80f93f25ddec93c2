"""`python -m MISTKDSegmentLib` is `mistkd`."""

import sys

from MISTKDSegmentLib.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
