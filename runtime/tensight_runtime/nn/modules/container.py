"""Containers of modules.  https://docs.pytorch.org/docs/2.13/nn.html#containers

Children are kept under "0", "1" ... (lists) or their keys (dicts), which are their names in a state_dict.
"""

from collections.abc import Iterable, Mapping

from tensight_runtime.nn.modules.module import Module
from tensight_runtime.nn.modules.parameters import ParameterDict as ParameterDict
from tensight_runtime.nn.modules.parameters import ParameterList as ParameterList
from tensight_runtime.nn.modules.utils import position


class Container(Module):
    """torch.nn.Container, an old name for a Module with children."""

    def __init__(self, **kwargs):
        super().__init__()
        for name, module in kwargs.items():
            self.add_module(name, module)


def _renumber(modules, children):
    """The children in this order, under "0", "1" ..."""
    modules.clear()
    for i, child in enumerate(children):
        modules[str(i)] = child


class Sequential(Module):
    """torch.nn.Sequential: the output of each module is the input of the next.

    `Sequential(a, b)`, or with names `Sequential(OrderedDict(first=a, second=b))`.
    """

    def __init__(self, *args):
        super().__init__()
        if len(args) == 1 and isinstance(args[0], dict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            for i, module in enumerate(args):
                self.add_module(str(i), module)

    def forward(self, input):
        for module in self._modules.values():
            input = module(input)
        return input

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)(dict(list(self._modules.items())[idx]))
        return list(self._modules.values())[position(idx, len(self._modules))]

    def __setitem__(self, idx, module):
        setattr(self, list(self._modules)[position(idx, len(self._modules))], module)

    def __delitem__(self, idx):
        names = list(self._modules)
        for name in names[idx] if isinstance(idx, slice) else [names[position(idx, len(names))]]:
            delattr(self, name)
        _renumber(self._modules, list(self._modules.values()))

    def pop(self, key):
        """Take a module out."""
        module = self[key]
        del self[key]
        return module

    def append(self, module):
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def insert(self, index, module):
        """Add a module before position `index`."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        length = len(self)
        if not -length <= index <= length:
            raise IndexError(f"Index out of range: {index}")
        children = list(self._modules.values())
        children.insert(index + length if index < 0 else index, module)
        _renumber(self._modules, children)
        return self

    def extend(self, sequential):
        """Add modules at the end."""
        for module in sequential:
            self.append(module)
        return self

    def __add__(self, other):
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return Sequential(*self, *other)

    def __iadd__(self, other):
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return self.extend(list(other))

    def __mul__(self, other):
        if not isinstance(other, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(other)}")
        if other <= 0:
            raise ValueError(f"Non-positive multiplication factor {other} for {type(self)}")
        return Sequential(*(list(self) * other))

    __rmul__ = __mul__

    def __imul__(self, other):
        if not isinstance(other, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(other)}")
        if other <= 0:
            raise ValueError(f"Non-positive multiplication factor {other} for {type(self)}")
        children = list(self)
        for _ in range(other - 1):
            self.extend(children)
        return self


class ModuleList(Module):
    """torch.nn.ModuleList: a list whose modules are registered."""

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)(list(self._modules.values())[idx])
        return self._modules[str(position(idx, len(self._modules)))]

    def __setitem__(self, idx, module):
        setattr(self, str(position(idx, len(self._modules))), module)

    def __delitem__(self, idx):
        children = list(self._modules.values())
        del children[idx]
        _renumber(self._modules, children)

    def append(self, module):
        """Add a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules):
        """Add modules at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError(f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}")
        for module in modules:
            self.add_module(str(len(self)), module)
        return self

    def insert(self, index, module):
        """Add a module before position `index`."""
        children = list(self._modules.values())
        children.insert(index, module)
        _renumber(self._modules, children)

    def pop(self, key):
        """Take a module out."""
        module = self[key]
        del self[key]
        return module

    def __add__(self, other):
        return ModuleList([*self, *other])

    def __iadd__(self, modules):
        return self.extend(modules)

    def __repr__(self):
        """Neighbours with the same text are shown once, with their number."""
        texts = [repr(module) for module in self]
        if not texts:
            return self._get_name() + "()"
        lines = []
        first = 0
        for i in range(1, len(texts) + 1):
            if i == len(texts) or texts[i] != texts[first]:
                count = i - first
                label = f"({first})" if count == 1 else f"({first}-{i - 1})"
                times = "" if count == 1 else f"{count} x "
                lines.append(f"{label}: {times}" + texts[first].replace("\n", "\n  "))
                first = i
        return self._get_name() + "(\n  " + "\n  ".join(lines) + "\n)"


class ModuleDict(Module):
    """torch.nn.ModuleDict: a dict whose modules are registered."""

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key):
        return self._modules[key]

    def __setitem__(self, key, module):
        self.add_module(key, module)

    def __delitem__(self, key):
        del self._modules[key]

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules)

    def __contains__(self, key):
        return key in self._modules

    def clear(self):
        self._modules.clear()

    def pop(self, key):
        """Take a module out."""
        return self._modules.pop(key)

    def keys(self):
        return self._modules.keys()

    def items(self):
        return self._modules.items()

    def values(self):
        return self._modules.values()

    def update(self, modules):
        """Add the modules of a mapping or of (key, module) pairs."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                "ModuleDict.update should be called with an iterable of key/value pairs, but got "
                f"{type(modules).__name__}"
            )
        if isinstance(modules, (Mapping, ModuleDict)):
            for key, module in modules.items():
                self[key] = module
            return
        for i, pair in enumerate(modules):
            if not isinstance(pair, Iterable):
                raise TypeError(f"ModuleDict update sequence element #{i} should be Iterable; is{type(pair).__name__}")
            if len(pair) != 2:
                raise ValueError(f"ModuleDict update sequence element #{i} has length {len(pair)}; 2 is required")
            self[pair[0]] = pair[1]
