"""torch.utils.checkpoint.  https://docs.pytorch.org/docs/2.13/checkpoint.html

Checkpointing saves memory and changes no result, except for the random state: here a function is simply called.
"""

import tensight_runtime as torch


def checkpoint(
    function, *args, use_reentrant=None, context_fn=None, determinism_check="default", debug=False, **kwargs
):
    """`function(*args)`."""
    kwargs.pop("preserve_rng_state", None)
    kwargs.pop("early_stop", None)
    return function(*args, **kwargs)


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs):
    """The modules of a Sequential (or a list of them), one after the other."""
    if isinstance(functions, torch.nn.Sequential):
        functions = list(functions.children())
    for function in functions:
        input = function(input)
    return input
