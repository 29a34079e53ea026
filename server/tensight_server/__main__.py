"""`python -m tensight_server` is `tensight server`."""

import sys

from tensight_server.app import main

if __name__ == "__main__":
    sys.exit(main())
