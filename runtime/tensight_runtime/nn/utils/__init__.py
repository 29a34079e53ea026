"""torch.nn.utils.  https://docs.pytorch.org/docs/2.13/nn.html#utilities"""

from tensight_runtime.nn.utils import parametrizations as parametrizations
from tensight_runtime.nn.utils import parametrize as parametrize
from tensight_runtime.nn.utils import rnn as rnn
from tensight_runtime.nn.utils.clip_grad import clip_grad_norm as clip_grad_norm
from tensight_runtime.nn.utils.clip_grad import clip_grad_norm_ as clip_grad_norm_
from tensight_runtime.nn.utils.clip_grad import clip_grad_value_ as clip_grad_value_
from tensight_runtime.nn.utils.clip_grad import clip_grads_with_norm_ as clip_grads_with_norm_
from tensight_runtime.nn.utils.clip_grad import get_total_norm as get_total_norm
from tensight_runtime.nn.utils.convert_parameters import parameters_to_vector as parameters_to_vector
from tensight_runtime.nn.utils.convert_parameters import vector_to_parameters as vector_to_parameters
from tensight_runtime.nn.utils.fusion import fuse_conv_bn_eval as fuse_conv_bn_eval
from tensight_runtime.nn.utils.fusion import fuse_conv_bn_weights as fuse_conv_bn_weights
from tensight_runtime.nn.utils.fusion import fuse_linear_bn_eval as fuse_linear_bn_eval
from tensight_runtime.nn.utils.fusion import fuse_linear_bn_weights as fuse_linear_bn_weights
from tensight_runtime.nn.utils.init import skip_init as skip_init
from tensight_runtime.nn.utils.spectral_norm import remove_spectral_norm as remove_spectral_norm
from tensight_runtime.nn.utils.spectral_norm import spectral_norm as spectral_norm
from tensight_runtime.nn.utils.weight_norm import remove_weight_norm as remove_weight_norm
from tensight_runtime.nn.utils.weight_norm import weight_norm as weight_norm
