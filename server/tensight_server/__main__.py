"""`python -m tensight_server`, which is `tensight server`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """`tensight server [--stdio | --tcp PORT]`."""
    parser = argparse.ArgumentParser(prog="tensight server", description="The language server, for editors.")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--stdio", action="store_true", help="speak over standard input and output (the default)")
    how.add_argument("--tcp", type=int, metavar="PORT", help="listen on this port of the loopback interface")
    parser.add_argument("--log-level", default="warning", choices=("debug", "info", "warning", "error"))
    options = parser.parse_args(argv)
    logging.basicConfig(
        stream=sys.stderr, level=options.log_level.upper(), format="%(levelname)s %(name)s: %(message)s"
    )
    out = protected_output() if options.tcp is None else None

    from tensight_server.analysis import MODULE
    from tensight_server.processes import Helper

    analyst = Helper(MODULE)  # it gets ready while the protocol's own library is imported, which takes as long
    try:
        from tensight_server.app import TensightServer

        server = TensightServer(analyst)
        if out is None:
            logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # it takes an orderly exit for an accident
            server.start_tcp("127.0.0.1", options.tcp)
        else:
            server.start_io(sys.stdin.buffer, out)
    finally:
        analyst.close()
    return 0


def protected_output():
    """Standard output for the protocol alone: whatever else prints in this process goes to standard error."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return out


if __name__ == "__main__":
    sys.exit(main())
