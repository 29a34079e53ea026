"""torch.optim.  https://docs.pytorch.org/docs/2.13/optim.html"""

from tensight_runtime.optim import lr_scheduler as lr_scheduler
from tensight_runtime.optim import swa_utils as swa_utils
from tensight_runtime.optim.adadelta import Adadelta as Adadelta
from tensight_runtime.optim.adagrad import Adagrad as Adagrad
from tensight_runtime.optim.adam import Adam as Adam
from tensight_runtime.optim.adamax import Adamax as Adamax
from tensight_runtime.optim.adamw import AdamW as AdamW
from tensight_runtime.optim.asgd import ASGD as ASGD
from tensight_runtime.optim.lbfgs import LBFGS as LBFGS
from tensight_runtime.optim.muon import Muon as Muon
from tensight_runtime.optim.nadam import NAdam as NAdam
from tensight_runtime.optim.optimizer import Optimizer as Optimizer
from tensight_runtime.optim.radam import RAdam as RAdam
from tensight_runtime.optim.rmsprop import RMSprop as RMSprop
from tensight_runtime.optim.rprop import Rprop as Rprop
from tensight_runtime.optim.sgd import SGD as SGD
from tensight_runtime.optim.sparse_adam import SparseAdam as SparseAdam
