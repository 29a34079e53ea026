"""torch.utils.data._utils.collate."""

from tensight_runtime.utils.data.collate import default_collate as default_collate
from tensight_runtime.utils.data.collate import default_convert as default_convert
