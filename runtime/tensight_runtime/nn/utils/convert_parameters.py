"""All parameters as one vector.

https://docs.pytorch.org/docs/2.13/generated/torch.nn.utils.parameters_to_vector.html
"""

import tensight_runtime as torch


def parameters_to_vector(parameters):
    """The parameters, flattened, one after the other."""
    return torch.cat([param.view(-1) for param in parameters])


def vector_to_parameters(vec, parameters):
    """The reverse: the parameters become views of the vector."""
    if not isinstance(vec, torch.Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {torch.typename(vec)}")
    start = 0
    for param in parameters:
        count = param.numel()
        param.data = vec[start : start + count].view_as(param).data
        start += count
