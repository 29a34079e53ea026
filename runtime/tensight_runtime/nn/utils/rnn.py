"""torch.nn.utils.rnn: sequences of different lengths.  https://docs.pytorch.org/docs/2.13/nn.html#utilities

A PackedSequence holds the sequences step by step, the longest first: `data` [sum of lengths, *], `batch_sizes[t]` the
number of sequences that have a step t.
"""

import warnings
from collections import namedtuple

import tensight_runtime as torch


class PackedSequence(namedtuple("PackedSequence", ["data", "batch_sizes", "sorted_indices", "unsorted_indices"])):
    """torch.nn.utils.rnn.PackedSequence.  Made by `pack_padded_sequence` or `pack_sequence`."""

    __slots__ = ()

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args, **kwargs):
        """The same sequences, moved and/or cast."""
        return self._replace(data=self.data.to(*args, **kwargs))

    def cuda(self, *args, **kwargs):
        return self._replace(data=self.data.cuda(*args, **kwargs))

    def cpu(self):
        return self._replace(data=self.data.cpu())

    def double(self):
        return self._replace(data=self.data.double())

    def float(self):
        return self._replace(data=self.data.float())

    def half(self):
        return self._replace(data=self.data.half())

    @property
    def is_cuda(self):
        return self.data.is_cuda

    def is_pinned(self):
        return self.data.is_pinned()


def invert_permutation(permutation):
    """p -> q with q[p[i]] = i."""
    if permutation is None:
        return None
    return torch.argsort(permutation)


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """Padded [T, N, *] (`batch_first`: [N, T, *]) and the N lengths -> PackedSequence."""
    if isinstance(lengths, torch.Tensor):
        lengths = lengths.tolist()
    lengths = [int(length) for length in lengths]
    if batch_first:
        input = input.transpose(0, 1)
    if len(lengths) != input.shape[1]:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(lengths)} (batch_size={input.shape[1]})"
        )
    if any(length <= 0 for length in lengths):
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if enforce_sorted:
        if any(lengths[i] < lengths[i + 1] for i in range(len(lengths) - 1)):
            raise RuntimeError(
                "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
                "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if "
                "you do not need ONNX exportability."
            )
        sorted_indices = None
    else:
        order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
        lengths = [lengths[i] for i in order]
        sorted_indices = torch.tensor(order, device=input.device)
        input = input.index_select(1, sorted_indices)
    sizes = [sum(1 for length in lengths if length > t) for t in range(lengths[0])]
    data = torch.cat([input[t, :size] for t, size in enumerate(sizes)])
    return PackedSequence(data, torch.tensor(sizes), sorted_indices)


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """PackedSequence -> padded [T, N, *] (`batch_first`: [N, T, *]), lengths [N]."""
    sizes = sequence.batch_sizes.tolist()
    steps, batch = len(sizes), sizes[0]
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {steps}"
            )
    parts = sequence.data.split(sizes)
    padded = []
    for part in parts:
        if part.shape[0] < batch:
            missing = part.new_full((batch - part.shape[0], *part.shape[1:]), padding_value)
            part = torch.cat([part, missing])
        padded.append(part)
    for _ in range(steps, steps if total_length is None else total_length):
        padded.append(padded[0].new_full(padded[0].shape, padding_value))
    output = torch.stack(padded, 1 if batch_first else 0)
    lengths = torch.tensor([sum(1 for size in sizes if size > i) for i in range(batch)])
    if sequence.unsorted_indices is not None:
        output = output.index_select(0 if batch_first else 1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices.cpu()]
    return output, lengths


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """N tensors [L_i, *] -> [T, N, *] (`batch_first`: [N, T, *]), T the largest length."""
    if isinstance(sequences, torch.Tensor):
        sequences = sequences.unbind(0)
    elif not isinstance(sequences, (list, tuple)):
        warnings.warn(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}",
            stacklevel=2,
        )
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"padding_side should be either 'right' or 'left'. Got '{padding_side}'")
    sequences = list(sequences)
    if len(sequences) == 0:
        raise RuntimeError("received an empty list of sequences")
    longest = max(sequence.shape[0] for sequence in sequences)
    padded = []
    for sequence in sequences:
        missing = sequence.new_full((longest - sequence.shape[0], *sequence.shape[1:]), padding_value)
        padded.append(torch.cat([sequence, missing] if padding_side == "right" else [missing, sequence]))
    return torch.stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """The reverse of `pad_sequence`: a list of tensors [L_i, *]."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    return [sequence[:length] for sequence, length in zip(padded_sequences, lengths, strict=False)]


def pack_sequence(sequences, enforce_sorted=True):
    """N tensors [L_i, *] -> PackedSequence."""
    lengths = [sequence.shape[0] for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """PackedSequence -> a list of tensors [L_i, *]."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths.tolist(), batch_first=True)
