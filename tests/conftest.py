"""What the tests of several rooms share lies beside this file and is imported by its name."""

import signal
import sys
from pathlib import Path

# Where tests run in the background, Ctrl-C may be ignored, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

sys.path.insert(0, str(Path(__file__).parent))
