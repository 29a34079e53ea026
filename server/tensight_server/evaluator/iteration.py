"""What loops go through, one by one; and the builtins that look at all items."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cmp_to_key

from tensight_analyzer.interp import values as kinds
from tensight_analyzer.interp.expressions import Plan
from tensight_analyzer.interp.frame import Frame
from tensight_analyzer.interp.signals import Raised
from tensight_analyzer.interp.values import MISSING, Instance, Unknown
from tensight_analyzer.ir import nodes as ir

from tensight_server.evaluator.generators import Lazy
from tensight_server.evaluator.stop import Stopped

LONGEST = 1_000_000  # items spelled out at once


class Pulled:
    """What an iterator still has to give, computed when it is asked for."""

    __slots__ = ("iterator",)

    def __init__(self, iterator: Iterator[object]):
        self.iterator = iterator

    def pull(self) -> object:
        return next(self.iterator, MISSING)


class Iteration:
    """Mixin of the concrete machine."""

    def lazily(self, items: Iterator[object]) -> kinds.Iterator:
        """An iterator of the program that goes through `items` as it is asked to."""
        return self.new_iterator(Pulled(items))

    def items(self, value: object) -> Iterator[object]:
        """What a loop over `value` goes through, one by one."""
        value = self.resolve(value)
        if isinstance(value, range):
            yield from value
        elif isinstance(value, kinds.Iterator):
            while (item := self.pulled(value)) is not MISSING:
                yield item
        elif isinstance(value, Instance) and (method := value.cls.lookup("__iter__")) is not MISSING:
            made = self.resolve(self.call(method, (value,), {}, (None, None)))
            step = made.cls.lookup("__next__") if isinstance(made, Instance) else MISSING
            yield from self.items(made) if step is MISSING else self._until("StopIteration", lambda i: (step, (made,)))
        elif isinstance(value, Instance) and (step := value.cls.lookup("__next__")) is not MISSING:
            yield from self._until("StopIteration", lambda i: (step, (value,)))
        elif isinstance(value, Instance) and value.payload is None and (
            getter := value.cls.lookup("__getitem__")
        ) is not MISSING:  # fmt: skip
            yield from self._until("IndexError", lambda i: (getter, (value, i)))
        else:
            plan = super().iterate(value)
            if not isinstance(plan, tuple):
                raise Stopped(self.depends(value if isinstance(value, Unknown) else plan.element))
            yield from plan

    def _until(self, end: str, call: Callable) -> Iterator[object]:
        """Calls until one raises the exception `end`."""
        i = 0
        while True:
            function, args = call(i)
            try:
                item = self.call(function, args, {}, (None, None))
            except Raised as raised:
                if getattr(getattr(raised.value, "cls", None), "name", "") == end:
                    return
                raise
            yield item
            i += 1

    def pulled(self, value: kinds.Iterator) -> object:
        """The next item of an iterator, MISSING at its end."""
        items = value.fields["items"]
        if isinstance(items, (Lazy, Pulled)):
            return items.pull()
        position = value.fields["position"]
        if not isinstance(items, (tuple, range)):
            raise Stopped(self.depends(items.element))
        if position == len(items):
            return MISSING
        value.fields["position"] = position + 1
        return items[position]

    def iterate(self, value: object) -> tuple | Plan:
        value = self.resolve(value)
        if isinstance(value, (range, kinds.Iterator, Instance)) and not (
            isinstance(value, Instance) and value.payload is not None
        ):
            found = []
            for item in self.items(value):
                found.append(item)
                if len(found) > LONGEST:
                    raise Stopped(f"a sequence of more than {LONGEST:,} items")
            return tuple(found)
        return super().iterate(value)

    def next_of(self, value: object, default: object, at) -> object:
        value = self.resolve(value)
        if isinstance(value, kinds.Iterator):
            item = self.pulled(value)
            if item is not MISSING:
                return item
            return self.fail("StopIteration", "") if default is MISSING else default
        return super().next_of(value, default, at)

    def sorted_items(self, items: object, kwargs: dict, at) -> object:
        if not isinstance(items, tuple):
            raise Stopped("what follows depends on the order of unknown items")
        key = kwargs.get("key")
        keys = items if key is None else tuple(self.call(key, (i,), {}, at) for i in items)
        less = lambda i, j: self.decided(self.compare("<", keys[i], keys[j], at))
        order = sorted(range(len(items)), key=cmp_to_key(lambda i, j: -1 if less(i, j) else int(less(j, i))),
                       reverse=self.decided(kwargs.get("reverse", False)))  # fmt: skip
        return tuple(items[i] for i in order)

    def repeated(self, sequence: object, times: object) -> object:
        items = sequence if isinstance(sequence, tuple) else sequence.fields["items"]
        if isinstance(items, tuple) and isinstance(times, int):
            if len(items) * times > LONGEST:
                raise Stopped(f"a sequence of more than {LONGEST:,} items")
            return items * times if isinstance(sequence, tuple) else self.new_list(items * times)
        return super().repeated(sequence, times)

    def emit_yield(self, value: object, frame: Frame) -> None:
        frame.yields.give(value)

    def eval_yieldfrom(self, n: ir.YieldFrom, frame: Frame) -> object:
        for item in self.items(self.eval(n.value, frame)):
            self.emit_yield(item, frame)

    def length_of(self, value: object, at) -> object:
        if isinstance(self.resolve(value), kinds.Iterator):
            self.fail("TypeError", f"object of type '{self.type_name(value)}' has no len()")
        return super().length_of(value, at)

    def start_types(self) -> None:
        """Where the models of the builtins are eager, or vague about objects they cannot look into, these are not."""
        super().start_types()
        for name in ("set", "frozenset"):
            self.types[name].new = lambda m, args, kwargs, at: m.new_set(tuple(m.items(args[0])) if args else ())
        for name, call in LAZY.items():
            self.types[name].new = call
        for name, first in (("min", "<"), ("max", ">")):
            self.builtins[name] = kinds.Native(name, _extreme(name, first))
        self.builtins["iter"] = kinds.Native("iter", _iter)


def _iter(m, args, kwargs, at):
    value = m.resolve(args[0])
    if len(args) > 1:
        raise Stopped("not implemented: iter() with a sentinel")
    if isinstance(value, kinds.Iterator):
        return value
    if isinstance(value, Instance) and (method := value.cls.lookup("__iter__")) is not MISSING:
        return m.resolve(m.call(method, (value,), {}, at))
    if isinstance(value, Unknown):
        raise Stopped(m.depends(value))
    return m.lazily(m.items(value))


def _enumerate(m, args, kwargs, at):
    start = m.resolve(args[1] if len(args) > 1 else kwargs.get("start", 0))
    return m.lazily((start + i, item) for i, item in enumerate(m.items(args[0])))


def _zipped(m, iterables: tuple) -> Iterator[tuple]:
    iterators = [m.items(a) for a in iterables]
    while iterators:
        row = []
        for iterator in iterators:
            item = next(iterator, MISSING)
            if item is MISSING:
                return
            row.append(item)
        yield tuple(row)


def _map(m, args, kwargs, at):
    return m.lazily(m.call(args[0], row, {}, at) for row in _zipped(m, args[1:]))


def _filter(m, args, kwargs, at):
    keep, items = m.resolve(args[0]), m.items(args[1])
    return m.lazily(i for i in items if m.decided(i if keep is None else m.call(keep, (i,), {}, at)))


LAZY = {"enumerate": _enumerate, "zip": lambda m, args, kwargs, at: m.lazily(_zipped(m, args)), "map": _map,
        "filter": _filter}  # fmt: skip


def _extreme(name: str, better: str) -> Callable:
    def call(m, args, kwargs, at):
        items = tuple(m.items(args[0])) if len(args) == 1 else args
        if not items:
            if "default" in kwargs:
                return kwargs["default"]
            m.fail("ValueError", f"{name}() iterable argument is empty")
        key = kwargs.get("key")
        keys = items if m.resolve(key) is None else tuple(m.call(key, (i,), {}, at) for i in items)
        best = 0
        for i in range(1, len(items)):
            if m.decided(m.compare(better, keys[i], keys[best], at)):
                best = i
        return m.resolve(items[best])

    return call
