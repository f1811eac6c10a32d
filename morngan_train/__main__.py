"""Run the command line: `python -m morngan_train`."""

import sys

# Processes that are started to score pictures read this file too, and need no torch.
if __name__ == '__main__':
    from morngan_train.cli import main

    sys.exit(main())
