"""What starts and watches programs is that of tests/operations."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "operations"))
