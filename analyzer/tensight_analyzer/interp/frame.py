"""One activation of a function, module or class body, and the places where its paths meet again."""

from __future__ import annotations

from tensight_analyzer.interp.trail import Delta
from tensight_analyzer.interp.values import Fields, ModuleValue
from tensight_analyzer.ir.nodes import Node, Span


class Target:
    """Where paths that left a branch early come together: the end of a function, a loop, one round of it, or a `try`."""

    __slots__ = ("mark", "pending")

    def __init__(self, mark: tuple[int, int]):
        self.mark = mark
        self.pending: list[tuple[Delta, object]] = []


class Place:
    """Where one chunk stands, and what was seen there: the facts of each node, in the order of their discovery."""

    __slots__ = ("chunk", "facts", "file", "line")

    def __init__(self, file: str, line: int, chunk: Node):
        self.file = file
        self.line = line
        self.chunk = chunk
        self.facts: dict[Node, list] | None = {}

    def span(self, node: Node) -> Span:
        """The node's span in lines of the file."""
        line, col, end_line, end_col = node.span
        return line + self.line - 1, col, end_line + self.line - 1, end_col


class Frame:
    """Locals are `locals`; names not found there are looked up in `parent` (closures), then `module`, then builtins."""

    __slots__ = (
        "caller", "call_node", "code", "depth", "forking", "function", "is_class", "locals", "loops", "module", "parent", "place",
        "retval", "returns", "rounds", "yields",
    )  # fmt: skip

    def __init__(self, locals_: Fields, parent: Frame | None, module: ModuleValue, place: Place | None, code=None,
                 caller: Frame | None = None, call_node: Node | None = None):  # fmt: skip
        self.locals = locals_
        self.parent = parent
        self.module = module
        self.place = place
        self.code = code
        self.caller = caller
        self.call_node = call_node
        self.depth = caller.depth + 1 if caller else 0
        self.forking = 0
        self.function = None
        self.is_class = False
        self.returns: Target | None = None
        self.loops: list[Target] = []
        self.rounds: list[Target] = []
        self.retval: object = None
        self.yields: list | None = None

    def of_chunk(self, place: Place) -> Frame:
        """This module's frame while it runs one chunk."""
        return Frame(self.locals, self.parent, self.module, place, self.code, self.caller, self.call_node)

    def chain(self) -> list[tuple[Place, Node]]:
        """The calls that lead here, innermost first."""
        steps, frame = [], self
        while frame is not None:
            caller = frame.caller
            if frame.call_node is not None and caller is not None and caller.place is not None:
                steps.append((caller.place, frame.call_node))
            frame = caller
        return steps
