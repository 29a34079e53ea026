"""What is not in the runtime."""


class Missing(AttributeError, NotImplementedError):
    """A name of torch that tensight_runtime does not have; an AttributeError, so that hasattr and getattr defaults "
    "work."""
