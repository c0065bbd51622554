"""The command line: python -m jobs STAGE USE_CASE NIGHT."""

import sys

from jobs.commands.command_line import main

if __name__ == "__main__":
    sys.exit(main())
