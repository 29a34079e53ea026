from _enum import EnumBase


def auto():
    from _enum import auto_value

    return auto_value()


def unique(cls):
    return cls


class Enum(EnumBase):
    pass


class IntEnum(Enum):
    pass


class StrEnum(Enum):
    pass


class Flag(Enum):
    pass


class IntFlag(Flag):
    pass
