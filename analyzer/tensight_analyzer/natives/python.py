"""The standard library's functions that programs around tensors use.

Functions without effects run for real on constants and answer with their type otherwise; what has state is a model in
Python source under `models/`.  Nothing is imported from the analysed program's environment.
"""

from __future__ import annotations

from tensight_analyzer.interp.values import (
    ClassMethod,
    ClassValue,
    DictValue,
    Function,
    Instance,
    ListValue,
    Native,
    Seq,
    Unknown,
)
from tensight_analyzer.natives.classes import (
    _Auto,
    abstract_classes,
    asdict,
    contextmanager,
    dataclass,
    dataclass_fields,
    enum_base,
    field,
    fields_of,
    named_tuple_base,
    namedtuple,
    nullcontext,
    object_class,
    parsed,
    replace,
)
from tensight_analyzer.natives.common import identity, nothing, unknown
from tensight_analyzer.natives.iteration import FUNCTOOLS, ITERTOOLS
from tensight_analyzer.natives.numeric import MATH, OPERATOR, PATH, RANDOM, TIME
from tensight_analyzer.natives.tensors import copy_value


def environ(m) -> DictValue:
    return DictValue(m.trail.fields(items={}))


def getenv(m, args, kwargs, at):
    default = args[1] if len(args) > 1 else None
    return m.one_of((Unknown("an environment variable", str), default))


def leave(m, args, kwargs, at):
    return m.leave()


# -- classes: typing, dataclasses, enum, collections --------------------------------------------------------------------------


def cast(m, args, kwargs, at):
    return args[1]


def deepcopy(m, args, kwargs, at):
    return copy_value(m, args[0], {})


def shallow(m, args, kwargs, at):
    value = m.resolve(args[0])
    if isinstance(value, (ListValue, DictValue)):
        return type(value)(m.trail.fields(items=value.fields["items"]))
    if isinstance(value, Instance):
        return Instance(m.trail.names(dict(value.fields)), value.cls, value.payload)
    return value


def fraction_unknown(m, args, kwargs, at):
    return Unknown("a value of the standard library")


def sys_names(m) -> dict:
    return {
        "argv": m.new_list(Seq(Unknown("a command line argument", str), m.fresh_int("len", 1))), "exit": leave,
        "version_info": (3, 11, 0, "final", 0), "platform": Unknown("the platform", str), "path": m.new_list(()),
        "stdout": Unknown("a stream"), "stderr": Unknown("a stream"), "stdin": Unknown("a stream"), "maxsize": 2**63 - 1,
        "modules": Unknown("the loaded modules"), "version": Unknown("the version", str), "getsizeof": unknown(int),
        "float_info": Unknown("float_info"), "executable": Unknown("the interpreter", str), "exc_info": unknown(),
        "getrecursionlimit": unknown(int), "setrecursionlimit": nothing,
    }  # fmt: skip


TYPING_FUNCTIONS = {"cast": cast, "overload": identity, "final": identity, "runtime_checkable": identity,
                    "no_type_check": identity, "TypeVar": fraction_unknown, "NewType": fraction_unknown,
                    "get_type_hints": unknown(dict), "get_args": unknown(tuple), "get_origin": unknown()}  # fmt: skip
WARNINGS = {"warn": nothing, "filterwarnings": nothing, "simplefilter": nothing, "catch_warnings": nullcontext,
            "warn_explicit": nothing}  # fmt: skip
LOGGING_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50, "WARN": 30}


def contents(m) -> dict[str, dict]:
    """module name -> its globals; functions are wrapped on the way out."""
    abstract = abstract_classes(m)
    generic = object_class(m, "Generic")
    generic.fields["__class_getitem__"] = ClassMethod(Native("Generic", lambda m, args, kwargs, at: args[0]))
    protocol = object_class(m, "Protocol")
    protocol.fields["__class_getitem__"] = ClassMethod(Native("Protocol", lambda m, args, kwargs, at: args[0]))
    annotations = ("Any Union Optional List Dict Tuple Set FrozenSet Type ClassVar Final Literal Annotated Self TypeAlias Text "
                   "AnyStr IO Deque DefaultDict OrderedDict NoReturn Never Concatenate ParamSpec TypeGuard Required NotRequired "
                   "Unpack TypeVarTuple TypedDict SupportsFloat SupportsInt BinaryIO TextIO Awaitable Coroutine "
                   "ForwardRef").split()  # fmt: skip
    typing = (
        {n: Unknown("an annotation") for n in annotations}
        | TYPING_FUNCTIONS
        | abstract
        | {"TYPE_CHECKING": False, "Generic": generic, "Protocol": protocol, "NamedTuple": named_tuple_base(m)}
    )
    logger = Unknown("a logger", None, "logger")
    return {
        "math": MATH, "operator": OPERATOR, "random": RANDOM, "time": TIME, "os.path": PATH,
        "os": {"path": Native("os.path", nothing), "environ": environ(m), "getenv": getenv, "getcwd": unknown(str),
               "makedirs": nothing, "mkdir": nothing, "listdir": lambda m, a, k, at: m.new_list(Seq(Unknown("a file name", str),
               m.fresh_int("len", 0))), "remove": nothing, "cpu_count": unknown(int), "sep": "/", "getpid": unknown(int),
               "linesep": "\n", "name": "posix", "walk": unknown(), "system": unknown(int), "rename": nothing,
               "unlink": nothing, "scandir": unknown(), "PathLike": object_class(m, "PathLike")},
        "sys": sys_names(m), "functools": FUNCTOOLS, "itertools": ITERTOOLS, "typing": typing, "typing_extensions": typing,
        "collections.abc": abstract, "numbers": abstract, "types": {"SimpleNamespace": None, "FunctionType": m.types["function"],
                                                                    "ModuleType": m.types["module"]},
        "dataclasses": {"dataclass": dataclass, "field": field, "asdict": asdict, "replace": replace, "fields": dataclass_fields,
                        "is_dataclass": lambda m, a, k, at: bool(fields_of(m, a[0])), "astuple": unknown(tuple)},
        "abc": {"ABC": object_class(m, "ABC"), "ABCMeta": m.types["type"], "abstractmethod": identity,
                "abstractproperty": m.types["property"]},
        "copy": {"deepcopy": deepcopy, "copy": shallow}, "warnings": WARNINGS,
        "contextlib": {"contextmanager": contextmanager, "nullcontext": nullcontext, "suppress": nullcontext,
                       "ExitStack": fraction_unknown, "redirect_stdout": nullcontext, "asynccontextmanager": contextmanager},
        "logging": {"getLogger": lambda m, a, k, at: logger, "basicConfig": nothing, "Logger": object_class(m, "Logger")}
        | {n: nothing for n in ("info", "debug", "warning", "error", "critical", "exception", "log")} | LOGGING_LEVELS,
        "__future__": {n: True for n in ("annotations", "division", "print_function", "absolute_import")},
        "tempfile": {"mkdtemp": unknown(str), "gettempdir": unknown(str), "NamedTemporaryFile": unknown(),
                     "TemporaryDirectory": unknown(), "mkstemp": unknown(tuple)},
        "string": {"ascii_lowercase": "abcdefghijklmnopqrstuvwxyz", "ascii_uppercase": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                   "ascii_letters": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "digits": "0123456789",
                   "punctuation": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "printable": Unknown("printable characters", str),
                   "whitespace": " \t\n\r\x0b\x0c"},
        "_collections": {"namedtuple": namedtuple}, "_argparse": {"parsed": parsed},
        "_enum": {"EnumBase": enum_base(m), "auto_value": lambda m, a, k, at: _Auto()},
        "gc": {"collect": unknown(int)}, "builtins": dict(m.builtins), "glob": {"glob": lambda m, a, k, at: m.new_list(
            Seq(Unknown("a path", str), m.fresh_int("len", 0)))},
        "cmath": {}, "bisect": {"bisect_left": unknown(int), "bisect_right": unknown(int), "bisect": unknown(int)},
        "heapq": {"heappush": nothing, "heappop": unknown(), "nlargest": unknown(list)},
        "json": {"dumps": unknown(str), "dump": nothing, "load": unknown(), "loads": unknown()},
        "traceback": {"print_exc": nothing, "format_exc": unknown(str)}, "shutil": {}, "inspect": {
            "isfunction": unknown(bool), "isclass": lambda m, a, k, at: isinstance(m.resolve(a[0]), ClassValue),
            "signature": unknown(), "getfullargspec": unknown(), "isgeneratorfunction": lambda m, a, k, at: bool(
                isinstance(a[0], Function) and a[0].code.is_generator)},
    }  # fmt: skip


def module_contents(name: str, machine) -> dict | None:
    """The globals of a modelled module; None if it is not modelled here."""
    table = machine.__dict__.get("_python_modules")
    if table is None:
        table = machine._python_modules = contents(machine)
    found = table.get(name)
    if found is None:
        return None
    made: dict = {"__name__": name}
    for key, value in found.items():
        made[key] = (
            Native(f"{name}.{key}", value) if callable(value) and not isinstance(value, (Native, ClassValue)) else value
        )
    if name == "os":
        made["path"] = machine.import_module("os.path", None)
    if name == "types":
        made["SimpleNamespace"] = machine.import_from("_namespace", "SimpleNamespace", None)
    return made
