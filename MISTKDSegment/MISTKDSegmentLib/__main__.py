"""`python -m MISTKDSegmentLib` is `mistkd-segment`."""

import sys

if __name__ == "__main__":
    try:
        from MISTKDSegmentLib.cli.segment import main
    except ModuleNotFoundError as error:
        sys.exit(f"mistkd-segment: error: the Python package {error.name} is missing; install it with "
                 f"`{sys.executable} -m pip install {error.name}`.")
    sys.exit(main())
