"""`python -m MISTKDSegmentLib` is `mistkd-segment`."""

import sys

from MISTKDSegmentLib.cli import main

if __name__ == "__main__":
    sys.exit(main())
