"""The evaluation process: `python -m tensight_server.evaluator`, JSON lines.

It hears    {"id", "path", "text", "line", "col", "end_line", "end_col", "budget": {"seconds", "megabytes", "steps"}}
and answers {"id", "ok", "lines", "provenance"}: `lines` are the value, `provenance` says where it comes from, or why
there is none.
"""

from __future__ import annotations

import json
import threading

STACK = 512 << 20  # the interpreter recurses as deeply as the programs it reads


def main() -> int:
    from tensight_server.processes import own_pipes

    lines, write = own_pipes()

    def serve() -> None:
        from tensight_server.evaluator.answer import Evaluator

        evaluator = Evaluator()
        for line in lines:
            write(evaluator.answer(json.loads(line)))

    threading.stack_size(STACK)
    thread = threading.Thread(target=serve, name="tensight-evaluation", daemon=True)
    thread.start()
    thread.join()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
