"""torch.utils.tensorboard.SummaryWriter, written with tensorboardX.

https://docs.pytorch.org/docs/2.13/tensorboard.html
"""

import tensight_runtime as torch


def _plain(value):
    """Tensors as NumPy arrays, also inside lists and dicts."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


class SummaryWriter:
    """Writes event files that TensorBoard shows, to `log_dir` (runs/<date>_<host> unless given)."""

    def __init__(self, log_dir=None, comment="", purge_step=None, max_queue=10, flush_secs=120, filename_suffix=""):
        from tensorboardX import SummaryWriter as Writer

        self._writer = Writer(
            logdir=None if log_dir is None else str(log_dir),
            comment=comment,
            purge_step=purge_step,
            max_queue=max_queue,
            flush_secs=flush_secs,
            filename_suffix=filename_suffix,
        )
        self.log_dir = self._writer.logdir

    def get_logdir(self):
        return self.log_dir

    def add_scalar(self, tag, scalar_value, global_step=None, walltime=None, new_style=False, double_precision=False):
        """One number, a point of a curve."""
        self._writer.add_scalar(tag, float(scalar_value), global_step, walltime)

    def add_scalars(self, main_tag, tag_scalar_dict, global_step=None, walltime=None):
        """Several numbers, points of curves in one chart."""
        values = {tag: float(value) for tag, value in tag_scalar_dict.items()}
        self._writer.add_scalars(main_tag, values, global_step, walltime)

    def add_histogram(self, tag, values, global_step=None, bins="tensorflow", walltime=None, max_bins=None):
        """The distribution of a tensor's values."""
        self._writer.add_histogram(tag, _plain(values), global_step, bins, walltime, max_bins)

    def add_image(self, tag, img_tensor, global_step=None, walltime=None, dataformats="CHW"):
        """An image [3, H, W]."""
        self._writer.add_image(tag, _plain(img_tensor), global_step, walltime, dataformats)

    def add_images(self, tag, img_tensor, global_step=None, walltime=None, dataformats="NCHW"):
        """Images [N, 3, H, W]."""
        self._writer.add_images(tag, _plain(img_tensor), global_step, walltime, dataformats)

    def add_figure(self, tag, figure, global_step=None, close=True, walltime=None):
        """A matplotlib figure."""
        self._writer.add_figure(tag, figure, global_step, close, walltime)

    def add_video(self, tag, vid_tensor, global_step=None, fps=4, walltime=None):
        """Videos [N, T, C, H, W]."""
        self._writer.add_video(tag, _plain(vid_tensor), global_step, fps, walltime)

    def add_audio(self, tag, snd_tensor, global_step=None, sample_rate=44100, walltime=None):
        """A sound [1, L]."""
        self._writer.add_audio(tag, _plain(snd_tensor), global_step, sample_rate, walltime)

    def add_text(self, tag, text_string, global_step=None, walltime=None):
        """A text."""
        self._writer.add_text(tag, text_string, global_step, walltime)

    def add_graph(self, model, input_to_model=None, verbose=False, use_strict_trace=True):
        """Graphs need torch's tracer: nothing is written."""

    def add_embedding(self, mat, metadata=None, label_img=None, global_step=None, tag="default", metadata_header=None):
        """Points [N, D] for the projector."""
        self._writer.add_embedding(_plain(mat), metadata, _plain(label_img), global_step, tag, metadata_header)

    def add_pr_curve(self, tag, labels, predictions, global_step=None, num_thresholds=127, weights=None, walltime=None):
        """Precision and recall over thresholds."""
        self._writer.add_pr_curve(
            tag, _plain(labels), _plain(predictions), global_step, num_thresholds, weights, walltime
        )

    def add_hparams(self, hparam_dict, metric_dict, hparam_domain_discrete=None, run_name=None, global_step=None):
        """Hyperparameters with the results they led to."""
        self._writer.add_hparams(
            hparam_dict, {name: float(value) for name, value in metric_dict.items()}, name=run_name,
            global_step=global_step,
        )  # fmt: skip

    def flush(self):
        self._writer.flush()

    def close(self):
        self._writer.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.close()
