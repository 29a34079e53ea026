from _argparse import parsed


class Namespace:
    def __init__(self, **kwargs):
        for name, value in kwargs.items():
            setattr(self, name, value)


class ArgumentParser:
    def __init__(self, *args, **kwargs):
        self.dests = {}
        self.defaults = {}

    def add_argument(
        self,
        *names,
        dest=None,
        default=None,
        type=None,
        action=None,
        nargs=None,
        choices=None,
        const=None,
        required=False,
        help=None,
        metavar=None,
        version=None,
    ):
        if dest is None:
            dest = names[0]
            for name in names:
                if name.startswith("--"):
                    dest = name
                    break
            dest = dest.lstrip("-").replace("-", "_")
        if action == "store_true" and default is None:
            default = False
        if action == "store_false" and default is None:
            default = True
        positional = not names[0].startswith("-") if len(names) > 0 else False
        self.dests[dest] = (default, type, action, nargs, required or positional)

    def add_argument_group(self, *args, **kwargs):
        return self

    def add_mutually_exclusive_group(self, *args, **kwargs):
        return self

    def set_defaults(self, **kwargs):
        for name, value in kwargs.items():
            self.defaults[name] = value

    def parse_args(self, args=None, namespace=None):
        result = Namespace()
        for dest, (default, type, action, nargs, required) in self.dests.items():
            if dest in self.defaults:
                default = self.defaults[dest]
            setattr(result, dest, parsed(dest, default, type, action, nargs, required))
        for dest, default in self.defaults.items():
            if dest not in self.dests:
                setattr(result, dest, default)
        return result

    def parse_known_args(self, args=None, namespace=None):
        return self.parse_args(args, namespace), []

    def print_help(self):
        return None

    def error(self, message):
        raise SystemExit(message)


class ArgumentDefaultsHelpFormatter:
    pass


class RawTextHelpFormatter:
    pass


class RawDescriptionHelpFormatter:
    pass
