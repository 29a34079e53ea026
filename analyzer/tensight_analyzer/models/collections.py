from _collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence


class OrderedDict(dict):
    pass


class deque(list):
    def __init__(self, iterable=(), maxlen=None):
        self.maxlen = maxlen
        for item in iterable:
            self.append(item)

    def append(self, item):
        if self.maxlen is not None and len(self) >= self.maxlen:
            super().pop(0)
        super().append(item)


class defaultdict(dict):
    def __init__(self, default_factory=None, *args, **kwargs):
        self.default_factory = default_factory
        self.update(*args, **kwargs)

    def __missing__(self, key):
        value = self.default_factory()
        self[key] = value
        return value


class Counter(dict):
    def __init__(self, iterable=None, **kwargs):
        if iterable is not None:
            self.update(iterable)

    def __missing__(self, key):
        return 0

    def update(self, iterable):
        if isinstance(iterable, dict):
            for key, count in iterable.items():
                self[key] = self[key] + count
        else:
            for item in iterable:
                self[item] = self.get(item, 0) + 1

    def most_common(self, n=None):
        ordered = sorted(self.items(), key=lambda pair: pair[1], reverse=True)
        return ordered if n is None else ordered[:n]

    def elements(self):
        return [key for key, count in self.items() for _ in range(count)]


class ChainMap(dict):
    def __init__(self, *maps):
        for each in reversed(maps):
            self.update(each)
