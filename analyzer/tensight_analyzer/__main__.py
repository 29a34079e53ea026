"""`python -m tensight_analyzer`."""

import sys

from tensight_analyzer.cli import main

sys.exit(main())
