"""Short programs that must print the same under torch and under the runtime."""

import re
from textwrap import dedent


def text_of(value) -> str:
    """Numbers rounded, torch's names for both."""
    if hasattr(value, "detach"):
        value = f"{type(value).__name__}{value.dtype}{value.detach().double().round(decimals=3).add(0.0).tolist()}"
        return re.sub(r"-0\.0\b", "0.0", value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {text_of(v)}" for k, v in value.items()) + "}"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return f"{type(value).__name__}({', '.join(text_of(v) for v in value)})" if len(value) > 2 else repr(value)
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({', '.join(text_of(v) for v in value)})"
    return str(value).replace("tensight_runtime.", "torch.")


def printed(torch, program: str) -> list[str]:
    """What `show(...)` got while the program ran."""
    lines: list[str] = []

    def show(*values):
        lines.append(" | ".join(map(text_of, values)))

    torch.manual_seed(0)
    exec(dedent(program), {"torch": torch, "nn": torch.nn, "show": show})
    return lines
