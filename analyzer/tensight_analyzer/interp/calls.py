"""Calls: arguments, user functions, classes, natives, operators of the table."""

from __future__ import annotations

from tensight_analyzer.interp.frame import Frame, Target
from tensight_analyzer.interp.signals import DEAD, RETURN, Raised
from tensight_analyzer.interp.values import (
    MISSING,
    REST,
    Bound,
    ClassMethod,
    ClassValue,
    DictValue,
    Exception_,
    Function,
    Instance,
    Native,
    OneOf,
    OpFunction,
    Seq,
    StaticMethod,
    Unknown,
)
from tensight_analyzer.ir import nodes as ir


class Calls:
    """Mixin of the machine."""

    def eval_call(self, n: ir.Call, frame: Frame) -> object:
        if n.func.__class__ is ir.Attribute:  # the method of a call is no place of its own
            owner = self.eval(n.func.value, frame)
            func = self.getattr(owner, n.func.name, (n.func, frame))
        else:
            func = self.eval(n.func, frame)
            if n.func.__class__ is ir.Name and n.func.id == "super" and not n.args:
                func = Native("super", lambda machine, args, kwargs, at: machine.zero_super(frame))
        args, kwargs, open_ended = self.arguments(n, frame)
        self.here = n
        if open_ended:
            result = self.call_open(func, args, kwargs, (n, frame))
        else:
            result = self.call(func, args, kwargs, (n, frame))
        self.see(n, result, frame)
        return result

    def arguments(self, n: ir.Call, frame: Frame) -> tuple[tuple, dict, bool]:
        """Positional and keyword arguments; True if there are more of them than anybody knows."""
        args: list = []
        open_ended = False
        for node in n.args:
            if node.__class__ is ir.Starred:
                plan = self.iterate(self.eval(node.value, frame))
                if isinstance(plan, tuple):
                    args.extend(plan)
                else:
                    args.append(Seq(plan.element, plan.length))
                    open_ended = True
            else:
                args.append(self.eval(node, frame))
        kwargs: dict = {}
        for keyword in n.keywords:
            value = self.eval(keyword.value, frame)
            if keyword.name is not None:
                kwargs[keyword.name] = value
                continue
            items = self.mapping_items(self.resolve(value))
            if items is None or REST in items:
                open_ended = True
            kwargs.update({k: v for k, v in (items or {}).items() if isinstance(k, str)})
        return tuple(args), kwargs, open_ended

    def call(self, func: object, args: tuple, kwargs: dict, at) -> object:
        """Call anything callable.  `at` is (node, frame)."""
        func = self.resolve(func)
        kind = func.__class__
        if kind is Function:
            return self.call_function(func, args, kwargs, at)
        if kind is Bound:
            return self.call(func.function, (func.self, *args), kwargs, at)
        if kind is OpFunction:
            return self.domain.apply(func, args, kwargs, at)
        if kind is Native:
            return self.call_native(func, args, kwargs, at)
        if kind is ClassValue:
            return self.instantiate(func, args, kwargs, at)
        if kind is OneOf:
            callable_ = [a for a in func.alternatives if a is not None]
            return self.fork_values([lambda a=a: self.call(a, args, kwargs, at) for a in callable_])
        if kind is Instance:
            method = func.cls.lookup("__call__")
            if method is not MISSING:
                return self.call(method, (func, *args), kwargs, at)
            if not func.cls.open:
                return self.fail("TypeError", f"'{func.cls.name}' object is not callable")
        if kind is StaticMethod or kind is ClassMethod:
            return self.call(func.function, args, kwargs, at)
        return self.call_unknown(func, args, kwargs)

    def call_native(self, func: Native, args: tuple, kwargs: dict, at) -> object:
        """A modelled function, once for each alternative of its arguments."""
        for i, arg in enumerate(args):
            if arg.__class__ is OneOf or arg.__class__ is Unknown:
                arg = self.resolve(arg)
                if arg.__class__ is OneOf and func.name not in self.takes_alternatives:
                    return self.fork_values(
                        [lambda a=a: self.call_native(func, (*args[:i], a, *args[i + 1 :]), kwargs, at)
                         for a in arg.alternatives]
                    )  # fmt: skip
                if arg is not args[i]:
                    args = (*args[:i], arg, *args[i + 1 :])
        return func.call(self, args, kwargs, at)

    def call_unknown(self, func: object, args: tuple, kwargs: dict) -> Unknown:
        """Nobody knows what it does: its result is unknown, and so are the versions of the tensors it can reach."""
        self.uncertain += 1
        for value in (*args, *kwargs.values()):
            self.domain.escaped(value)
        if isinstance(func, Unknown):
            return Unknown(func.why or "result of an unknown call", None, f"{func.name}()" if func.name else "")
        return Unknown("result of an unknown call")

    def call_open(self, func: object, args: tuple, kwargs: dict, at) -> object:
        """A call with `*args` or `**kwargs` of unknown length."""
        func = self.resolve(func)
        if (
            isinstance(func, ClassValue)
            and func is self.types["zip"]
            and len(args) == 1
            and isinstance(args[0].element, tuple)
        ):
            columns = args[0].element  # zip(*rows): as many lists as a row has items, each as long as there are rows
            return self.new_iterator(tuple(self.new_list(Seq(c, args[0].length)) for c in columns))
        known = tuple(Unknown("one of many arguments") if isinstance(a, Seq) else a for a in args)
        inner = func.function if isinstance(func, Bound) else func
        if isinstance(inner, OpFunction) and any(isinstance(a, Seq) for a in args):
            spread = tuple(self.new_list(a) if isinstance(a, Seq) else a for a in args)
            return self.call(func, spread, kwargs, at)
        if isinstance(inner, (Function, ClassValue, Instance)):
            if not any(isinstance(a, Seq) for a in args):
                return self.call(func, known, {**kwargs, REST: Unknown("one of many arguments")}, at)
        return self.call_unknown(func, known, {k: v for k, v in kwargs.items() if isinstance(k, str)})

    # -- user functions -------------------------------------------------------------------------------------------------

    def call_function(self, fn: Function, args: tuple, kwargs: dict, at) -> object:
        node, caller = at
        code = fn.code
        depth = caller.depth + 1 if caller is not None else 0
        if depth > self.budget.calls or self._recurs(caller, code):
            self.note("recursion: calls too deep")
            self.uncertain += 1
            return Unknown("a call nested too deeply")
        module, place = fn.unit
        frame = Frame(self.trail.names(), fn.frame, module, place, code, caller, node)
        frame.function = fn
        self.called.add(code)
        frame.depth = depth
        frame.forking = self.forking
        complaint = self.bind_arguments(fn, args, kwargs, frame)
        if complaint:
            return self.fail("TypeError", f"{code.name}() {complaint}")
        if code.is_generator:
            frame.yields = self.trail.fields(items=())
        target = frame.returns = Target(self.trail.mark())
        try:
            signal = self.exec_body(code.body, frame)
        except Raised:
            values = self.meet(target, False)
            if values is None:
                raise
            self.uncertain += 1
        else:
            values = self.meet(target, signal is not DEAD, frame.retval if signal is RETURN else None)
        if values is None:
            raise Raised(Unknown("no path through the function ends"), certain=False)
        if code.is_generator:
            return self.new_iterator(frame.yields["items"])
        return self.join_values(values, code.name)

    def _recurs(self, frame: Frame | None, code: ir.Code) -> bool:
        """A call of a function that is running already, reached a second time through a branch nobody could decide."""
        undecided = 0
        inner = self.forking
        while frame is not None:
            if frame.code is code:
                undecided += frame.forking < inner
                inner = frame.forking
            frame = frame.caller
        return undecided > 1

    def bind_arguments(self, fn: Function, args: tuple, kwargs: dict, frame: Frame) -> str:
        """Parameters into the frame's locals; what does not fit, in Python's words."""
        locals_ = frame.locals
        left = list(args)
        rest = dict(kwargs)
        open_ended = rest.pop(REST, MISSING)
        missing = []
        for param in fn.code.params:
            name, kind = param.name, param.kind
            if kind == "args":
                value: object = tuple(left)
                left = []
            elif kind == "kwargs":
                items = dict(rest) if open_ended is MISSING else {**rest, REST: open_ended}
                value = DictValue(self.trail.fields(items=items))
                rest = {}
            elif kind != "keyword" and left:
                value = left.pop(0)
            elif name in rest and kind != "positional":
                value = rest.pop(name)
            elif name in fn.defaults:
                value = fn.defaults[name]
            elif open_ended is not MISSING:
                value = Unknown("one of many arguments", None, name)
            else:
                missing.append(name)
                value = Unknown("a missing argument", None, name)
            locals_[name] = value
            self.see(param, value, frame)
        if missing:
            return f"missing {len(missing)} required positional argument{'s'[: len(missing) > 1]}: '{missing[0]}'"
        if left:
            return f"takes {len(fn.code.params)} positional arguments but {len(args)} were given"
        return f"got an unexpected keyword argument '{next(iter(rest))}'" if rest and open_ended is MISSING else ""

    # -- classes --------------------------------------------------------------------------------------------------------

    def instantiate(self, cls: ClassValue, args: tuple, kwargs: dict, at) -> object:
        new = cls.lookup("__new__")
        if new is not MISSING:
            function = new.function if isinstance(new, StaticMethod) else new
            instance = self.call(function, (cls, *args), kwargs, at)
            if not (isinstance(instance, Instance) and instance.cls.is_subclass(cls)):
                return instance
        elif cls.new is not None and self.types.get(cls.name) is cls:
            return self.call_native(Native(cls.name, cls.new), args, kwargs, at)
        else:
            instance = self.new_instance(cls, args)
        init = cls.lookup("__init__")
        if init is not MISSING:
            self.call(init, (instance, *args), kwargs, at)
        elif isinstance(instance, Exception_):
            instance.fields["args"] = args
        elif cls.open:
            self.uncertain += 1
        elif cls.new is not None:  # derives from a builtin: list, dict, Tensor, ...
            payload = self.call_native(Native(cls.name, cls.new), args, kwargs, at)
            return self.domain.adopt(instance, payload)
        elif (args or kwargs) and new is MISSING:
            return self.fail("TypeError", f"{cls.name}() takes no arguments")
        return instance

    def new_instance(self, cls: ClassValue, args: tuple = ()) -> Instance | Exception_:
        """An object without attributes yet."""
        if cls.native is not None and isinstance(cls.native, type) and issubclass(cls.native, BaseException):
            return Exception_(self.trail.names(args=args), cls)
        payload = self.empty_payload(cls.native)
        return Instance(self.trail.names(), cls, payload)

    def empty_payload(self, native: object) -> object:
        if native is list:
            return self.new_list(())
        if native is dict:
            return DictValue(self.trail.fields(items={}))
        if native is set:
            return self.new_set(())
        return None

    def zero_super(self, frame: Frame) -> object:
        """`super()` without arguments: the class that owns the running method, and its first argument."""
        inner = frame
        while inner is not None and (inner.function is None or not isinstance(inner.code, ir.Code)):
            inner = inner.parent or inner.caller
        if inner is None or inner.function.owner is None or not inner.code.params:
            return self.fail("RuntimeError", "super(): no arguments")
        return self.make_super(inner.function.owner, inner.locals.get(inner.code.params[0].name))
