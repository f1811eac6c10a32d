"""Run the command line: `python -m morngan_train`."""

import sys

from morngan_train.cli import main

sys.exit(main())
