"""Every layer against torch's: initial weights, text, state_dict, results, gradients, random draws and complaints."""

import numpy as np
import pytest
import tensight_runtime as ours

theirs = pytest.importorskip("torch", reason="torch is not installed")

# constructor -> the shapes (or, "i5[2, 3]", integers below 5) of the inputs; several lines of inputs are several calls
LAYERS = {
    "Identity(3, a=4)": "2 3",
    "Linear(4, 3)": "2 4 | 4 | 2 5 4 | 0 4",
    "Linear(4, 3, bias=False)": "2 4",
    "Bilinear(3, 4, 2)": "5 3, 5 4",
    "Bilinear(3, 4, 2, bias=False)": "5 3, 5 4",
    "LazyLinear(3)": "2 4",
    "Conv1d(4, 6, 3)": "2 4 9 | 4 9",
    "Conv1d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2, bias=False)": "2 4 9",
    "Conv2d(3, 6, 3)": "2 3 8 7 | 3 8 7",
    "Conv2d(3, 6, (3, 2), (2, 1), (1, 0), (1, 2), 3)": "2 3 8 7",
    "Conv2d(3, 6, 3, padding='same', padding_mode='reflect')": "2 3 8 7",
    "Conv2d(3, 6, 4, padding='same')": "2 3 8 7",
    "Conv2d(3, 6, 3, padding='valid')": "2 3 8 7",
    "Conv2d(3, 6, 3, padding=(1, 2), padding_mode='circular')": "2 3 8 7",
    "Conv2d(3, 6, 3, padding=1, padding_mode='replicate', dtype=torch.float64)": "d 2 3 8 7",
    "Conv3d(2, 3, 2, padding=1)": "2 2 4 5 3",
    "ConvTranspose1d(4, 6, 3, 2, 1, 1)": "2 4 5",
    "ConvTranspose2d(4, 6, 3, 2, 1, groups=2)": "2 4 5 6",
    "ConvTranspose3d(2, 3, 2, 2, bias=False)": "2 2 3 3 3",
    "LazyConv1d(6, 3)": "2 4 9",
    "LazyConv2d(6, 3, padding=1, groups=2)": "2 4 8 7",
    "LazyConv3d(2, 2)": "2 4 3 3 3",
    "LazyConvTranspose2d(6, 3, bias=False)": "2 4 8 7",
    "BatchNorm1d(4)": "5 4 | 5 4 6",
    "BatchNorm2d(4)": "2 4 3 3 | 2 4 3 5",
    "BatchNorm2d(4, momentum=None)": "2 4 3 3 | 2 4 3 5 | 2 4 2 2",
    "BatchNorm2d(4, affine=False, track_running_stats=False)": "2 4 3 3",
    "BatchNorm2d(4, bias=False)": "2 4 3 3",
    "BatchNorm3d(2, eps=1e-3, momentum=0.5)": "2 2 3 3 2",
    "LazyBatchNorm1d()": "5 4",
    "LazyBatchNorm2d(affine=False)": "2 4 3 3",
    "InstanceNorm1d(3)": "2 3 5 | 3 5",
    "InstanceNorm2d(3, affine=True, track_running_stats=True)": "2 3 5 4",
    "InstanceNorm3d(2, affine=True)": "2 2 3 3 2",
    "LazyInstanceNorm2d()": "2 3 5 4",
    "LayerNorm(4)": "2 3 4",
    "LayerNorm((3, 4), bias=False)": "2 3 4",
    "LayerNorm([4], elementwise_affine=False)": "2 3 4",
    "RMSNorm(4)": "2 3 4",
    "RMSNorm((3, 4), eps=1e-5, elementwise_affine=False)": "2 3 4",
    "GroupNorm(2, 4)": "3 4 5 | 3 4 5 2",
    "GroupNorm(2, 4, affine=False)": "3 4 5",
    "GroupNorm(2, 4, bias=False)": "3 4",
    "LocalResponseNorm(3)": "2 5 4 4",
    "CrossMapLRN2d(3)": "",
    "Dropout(0.3)": "40 5",
    "Dropout(0.0)": "40 5",
    "Dropout1d()": "4 5 3",
    "Dropout2d(0.4)": "4 5 3 3",
    "Dropout3d(0.4)": "4 5 3 3 2",
    "AlphaDropout(0.3)": "40 5",
    "FeatureAlphaDropout(0.3)": "4 5 3",
    "Embedding(7, 3)": "i7 2 4",
    "Embedding(7, 3, padding_idx=-2)": "i7 2 4",
    "Embedding(7, 3, max_norm=1.0, norm_type=1.0, scale_grad_by_freq=True)": "i7 2 4",
    "EmbeddingBag(7, 3)": "i7 2 4 | i7 6, i0 1",
    "EmbeddingBag(7, 3, mode='sum', padding_idx=1)": "i7 2 4",
    "EmbeddingBag(7, 3, mode='max')": "i7 2 4",
    "MaxPool1d(2)": "2 3 9",
    "MaxPool2d(3, 2, 1)": "2 3 9 8 | 3 9 8",
    "MaxPool2d((2, 3), ceil_mode=True, dilation=2)": "2 3 9 8",
    "MaxPool2d(2, return_indices=True)": "2 3 8 8",
    "MaxPool3d(2)": "2 3 4 4 4",
    "AvgPool1d(2)": "2 3 9",
    "AvgPool2d(3, 2, 1, count_include_pad=False)": "2 3 9 8",
    "AvgPool2d(2, divisor_override=3)": "2 3 9 8",
    "AvgPool3d(2)": "2 3 4 4 4",
    "LPPool1d(2, 3)": "2 3 9",
    "LPPool2d(2, 3, stride=2)": "2 3 9 8",
    "AdaptiveAvgPool1d(4)": "2 3 9",
    "AdaptiveAvgPool2d((1, 1))": "2 3 9 8",
    "AdaptiveAvgPool2d((None, 3))": "2 3 9 8",
    "AdaptiveAvgPool3d(2)": "2 3 4 5 6",
    "AdaptiveMaxPool1d(4)": "2 3 9",
    "AdaptiveMaxPool2d(3)": "2 3 9 8",
    "AdaptiveMaxPool3d(2)": "2 3 4 5 6",
    "Flatten()": "2 3 4 | 2 3",
    "Flatten(0, 1)": "2 3 4",
    "Unflatten(1, (2, 3))": "2 6 4",
    "PixelShuffle(2)": "2 8 3 3",
    "PixelUnshuffle(2)": "2 2 4 6",
    "ChannelShuffle(2)": "2 4 3 3",
    "Unfold((2, 3), padding=1)": "2 3 4 5",
    "Fold((4, 5), (2, 3))": "2 18 9",
    "Upsample(scale_factor=2)": "2 3 4 5",
    "Upsample(size=(7, 8), mode='bilinear')": "2 3 4 5",
    "Upsample(scale_factor=(2.0, 1.5), mode='bilinear', align_corners=True)": "2 3 4 5",
    "UpsamplingNearest2d(scale_factor=2)": "2 3 4 5",
    "UpsamplingBilinear2d(size=(7, 8))": "2 3 4 5",
    "ConstantPad1d(2, 3.5)": "2 3 4",
    "ConstantPad2d((1, 0, 2, 1), 3.5)": "2 3 4",
    "ConstantPad3d(1, 0.5)": "2 3 4 4",
    "ZeroPad1d(1)": "2 3 4",
    "ZeroPad2d((1, 2, 0, 1))": "2 3 4",
    "ZeroPad3d(1)": "2 3 4 4",
    "ReflectionPad1d(2)": "2 3 4",
    "ReflectionPad2d(2)": "2 3 4 5",
    "ReplicationPad1d((2, 1))": "2 3 4",
    "ReplicationPad2d(2)": "2 3 4 5",
    "ReplicationPad3d(1)": "2 3 4 5 3",
    "CircularPad1d(2)": "2 3 4",
    "CircularPad2d((1, 2, 0, 1))": "2 3 4 5",
    "CosineSimilarity()": "5 4, 5 4",
    "PairwiseDistance(keepdim=True)": "5 4, 5 4",
    "PReLU(3)": "2 3 4",
    "PReLU()": "2 3 4",
    "RReLU()": "2 30",
    "GLU()": "2 6",
    "Softmax(dim=1)": "2 6",
    "Softmin(dim=1)": "2 6",
    "LogSoftmax(dim=-1)": "2 6",
    "Softmax2d()": "2 3 2 2",
    "RNN(3, 4, 2, nonlinearity='relu', batch_first=True)": "5 6 3",
    "RNN(3, 4)": "6 5 3 | 6 3",
    "GRU(3, 4, 2, bidirectional=True)": "6 5 3, 4 5 4",
    "GRU(3, 4, bias=False)": "6 5 3",
    "LSTM(3, 4)": "6 5 3 | 6 3",
    "LSTM(3, 4, 2, batch_first=True, bidirectional=True)": "5 6 3",
    "LSTM(3, 4, proj_size=2)": "6 5 3",
    "RNNCell(3, 4)": "5 3 | 3 | 5 3, 5 4",
    "RNNCell(3, 4, nonlinearity='relu', bias=False)": "5 3",
    "GRUCell(3, 4)": "5 3, 5 4 | 3",
    "LSTMCell(3, 4)": "5 3 | 3",
    "MultiheadAttention(8, 2)": "5 3 8, 6 3 8, 6 3 8 | 5 8, 6 8, 6 8",
    "MultiheadAttention(8, 2, batch_first=True, bias=False, kdim=4, vdim=6)": "3 5 8, 3 6 4, 3 6 6",
    "MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True)": "5 3 8, 6 3 8, 6 3 8",
    "TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)": "3 5 8",
    "TransformerEncoderLayer(8, 2, 16, norm_first=True, activation='gelu', dropout=0.0)": "5 3 8",
    "TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0), 2)": "3 5 8",
    "TransformerDecoderLayer(8, 2, 16, dropout=0.0)": "5 3 8, 4 3 8",
    "TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0), 2, nn.LayerNorm(8))": "5 3 8, 4 3 8",
    "Transformer(8, 2, 1, 1, 16, dropout=0.0)": "5 3 8, 4 3 8",
    "Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))": "5 3",
    "Sequential(OrderedDict(a=nn.Linear(3, 4), b=nn.Tanh()))": "5 3",
    "L1Loss()": "5 4, 5 4",
    "MSELoss(reduction='sum')": "5 4, 5 4",
    "SmoothL1Loss(beta=0.5)": "5 4, 5 4",
    "HuberLoss(reduction='none')": "5 4, 5 4",
    "PoissonNLLLoss(full=True)": "5 4, u 5 4",
    "GaussianNLLLoss(full=True)": "5 4, 5 4, u 5 4",
    "KLDivLoss(reduction='batchmean', log_target=True)": "5 4, 5 4",
    "CrossEntropyLoss()": "5 4, i4 5 | 5 4 3, i4 5 3 | 4, i4 | 5 4, u 5 4",
    "CrossEntropyLoss(label_smoothing=0.1, ignore_index=2, reduction='sum')": "5 4, i4 5",
    "CrossEntropyLoss(torch.tensor([1.0, 2.0, 0.5, 1.0]))": "5 4, i4 5",
    "NLLLoss(ignore_index=1)": "5 4, i4 5",
    "BCELoss()": "u 5 4, u 5 4",
    "BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 2.0, 0.5, 1.0]))": "5 4, u 5 4",
    "MultiLabelSoftMarginLoss()": "5 4, u 5 4",
    "MultiMarginLoss(p=2, margin=0.5)": "5 4, i4 5",
    "SoftMarginLoss()": "5 4, s 5 4",
    "HingeEmbeddingLoss()": "5 4, s 5 4",
    "CosineEmbeddingLoss(0.2)": "5 4, 5 4, s 5",
    "MarginRankingLoss(0.2)": "5, 5, s 5",
    "TripletMarginLoss()": "5 4, 5 4, 5 4",
    "TripletMarginWithDistanceLoss(swap=True)": "5 4, 5 4, 5 4",
    "AdaptiveLogSoftmaxWithLoss(16, 10, [3, 6], head_bias=True)": "5 16, i10 5 | 16, i10",
}  # fmt: skip
for name in (
    "ReLU() ReLU(True) ReLU6() SiLU() Mish() SELU() Hardsigmoid() Hardswish() Sigmoid() Tanh() LogSigmoid() Softsign() "
    "Tanhshrink() GELU() GELU('tanh') ELU() ELU(0.5) CELU(2.0) LeakyReLU() LeakyReLU(0.2,True) Hardtanh() Hardshrink() "
    "Softshrink() Softplus(2.0) Threshold(0.1,20)"
).split():
    LAYERS[name] = "3 7"


def array(text: str, rng: np.random.Generator) -> np.ndarray:
    """ "2 3": normal; "u 2 3": in (0, 1); "s 5": 1 or -1; "d 2": float64; "i5 2 3": integers below 5."""
    words = text.split()
    kind = words.pop(0) if words and not words[0].isdigit() else ""
    shape = tuple(int(word) for word in words)
    if kind.startswith("i"):
        return rng.integers(0, max(int(kind[1:]), 1), shape)
    if kind == "u":
        return rng.uniform(0.05, 0.95, shape).astype(np.float32)
    if kind == "s":
        return rng.choice([-1.0, 1.0], shape).astype(np.float32)
    return rng.standard_normal(shape).astype(np.float64 if kind == "d" else np.float32)


def build(torch, text: str):
    from collections import OrderedDict

    torch.manual_seed(3)
    return eval("nn." + text, {"nn": torch.nn, "torch": torch, "OrderedDict": OrderedDict})


def tensors(value) -> list:
    if isinstance(value, (tuple, list)):
        return [tensor for item in value for tensor in tensors(item)]
    return [] if value is None else [value]


def run(torch, module, arrays: list[np.ndarray]):
    """Outputs, gradients of the inputs and of the parameters, as arrays."""
    torch.manual_seed(4)
    leaves = [torch.tensor(a) for a in arrays]
    for leaf in leaves:
        if (
            leaf.is_floating_point()
            and not isinstance(module, torch.nn.SoftMarginLoss)
            and not getattr(module, "inplace", False)
        ):
            leaf.requires_grad_()
    module.zero_grad()
    outputs = tensors(module(*leaves))
    total = sum((o * torch.arange(o.numel()).reshape(o.shape).cos()).sum() for o in outputs if o.is_floating_point())
    if total.requires_grad:
        total.backward()
    grads = [leaf.grad for leaf in leaves] + [p.grad for p in module.parameters()]
    grads += [b for b in module.buffers() if b is not None]
    return [o.detach().numpy() for o in outputs], [None if g is None else g.detach().numpy() for g in grads]


@pytest.mark.parametrize("text", LAYERS)
def test_layer(text):
    mine, real = build(ours, text), build(theirs, text)
    assert repr(mine) == repr(real)
    assert list(mine.state_dict()) == list(real.state_dict())
    assert [n for n, _ in mine.named_modules()] == [n for n, _ in real.named_modules()]
    if "Lazy" not in text:
        for (name, a), b in zip(mine.state_dict().items(), real.state_dict().values(), strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=name)
    rng = np.random.default_rng(0)
    for mode in (True, False):
        mine.train(mode), real.train(mode)
        for call in LAYERS[text].split("|") if LAYERS[text] else []:
            arrays = [array(part, rng) for part in call.split(",")]
            got, want = run(ours, mine, arrays), run(theirs, real, arrays)
            for mine_arrays, real_arrays in zip(got, want, strict=True):
                assert len(mine_arrays) == len(real_arrays)
                for a, b in zip(mine_arrays, real_arrays, strict=True):
                    if b is None:  # torch leaves out clusters of an adaptive softmax that no target is in
                        assert a is None or (not a.any() and "Adaptive" in text)
                    else:
                        assert a.dtype == b.dtype
                        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)
    assert repr(mine) == repr(real)  # lazy modules have become what they are
    for (name, a), b in zip(mine.state_dict().items(), real.state_dict().values(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5, atol=2e-5, err_msg=name)


# What raises, in the same words.
REFUSED = """
nn.Module(3)
nn.Module(a=3)
nn.Module()(3)
nn.Module().foo
nn.Linear(2, 3).foo
nn.Linear(2, 3)(torch.ones(3, 3))
nn.Linear(2, 3)(torch.ones(3, 3), 4)
nn.Linear(2, 3).to(torch.int)
nn.Linear(2, 3).train(3)
nn.Linear(2, 3).add_module("a", 3)
nn.Linear(2, 3).add_module("", nn.ReLU())
nn.Linear(2, 3).add_module("a.b", nn.ReLU())
nn.Linear(2, 3).add_module("forward", nn.ReLU())
nn.Linear(2, 3).register_buffer("weight", torch.ones(3))
nn.Linear(2, 3).register_buffer("a.b", torch.ones(3))
nn.Linear(2, 3).register_buffer("a", 3)
nn.Linear(2, 3).register_parameter("foo", torch.ones(3))
nn.Linear(2, 3).register_parameter(3, None)
nn.Linear(2, 3).get_submodule("a.b")
nn.Linear(2, 3).get_submodule("weight")
nn.Linear(2, 3).get_parameter("a")
nn.Linear(2, 3).get_parameter("in_features")
nn.Linear(2, 3).get_buffer("weight")
setattr(nn.Linear(2, 3), "weight", torch.ones(3))
setattr(nn.Linear(2, 3), "weight", 3)
setattr(nn.Sequential(nn.ReLU()), "0", 3)
setattr(nn.BatchNorm1d(2), "running_mean", 3)
nn.Linear(2, 3).load_state_dict({})
nn.Linear(2, 3).load_state_dict(3)
nn.Linear(2, 3).load_state_dict({"weight": torch.ones(2, 2), "f": 3, "x.y": 3})
nn.Linear(2, 3).load_state_dict({"weight": 3, "bias": torch.ones(3)})
nn.Sequential(nn.Linear(2, 3), nn.ReLU()).load_state_dict({"0.weight": torch.ones(3, 3)})
nn.Sequential(nn.ReLU())[1]
nn.Sequential(nn.ReLU())[-2]
nn.Sequential(3)
nn.Sequential(nn.ReLU()) + 3
nn.ModuleList()[0]
nn.ModuleList([3])
nn.ModuleList().extend(3)
nn.ModuleList()(3)
nn.ModuleDict({"a.b": nn.ReLU()})
nn.ModuleDict({"pop": nn.ReLU()})
nn.ModuleDict(1)
nn.ModuleDict([1])
nn.Conv2d(3, 6, 3, groups=2)
nn.Conv2d(4, 5, 3, groups=2)
nn.Conv2d(4, 4, 3, groups=0)
nn.Conv2d(4, 4, 3, padding="same", stride=2)
nn.ConvTranspose2d(2, 3, 3, padding_mode="reflect")
nn.ConvTranspose2d(2, 3, 3)(torch.ones(1, 2, 5, 5), (9, 9))
nn.ConvTranspose2d(2, 3, 3)(torch.ones(1, 2, 5, 5), (9, 9, 4))
nn.BatchNorm1d(3)(torch.ones(2, 3, 4, 4))
nn.BatchNorm2d(3)(torch.ones(2, 3, 4))
nn.InstanceNorm2d(3, affine=True)(torch.ones(2, 4, 5, 5))
nn.InstanceNorm2d(3)(torch.ones(2, 4))
nn.GroupNorm(3, 4)
nn.Dropout(2)
nn.Embedding(5, 3, 7)
nn.Embedding(5, 3, _weight=torch.ones(3))
nn.Embedding.from_pretrained(torch.ones(3))
nn.Hardtanh(1, 0)
nn.Softmax2d()(torch.ones(2))
nn.Unflatten(1, "a")
nn.Unflatten(1, (2, "a"))
nn.CircularPad1d(2)(torch.ones(3))
nn.LSTM(3, 4)(torch.ones(2))
nn.RNN(3, 4)(torch.ones(2))
nn.LSTM(3, 4)(torch.ones(2, 2, 4))
nn.LSTM(3, 4)(torch.ones(2, 2, 3), (torch.ones(1, 2, 5), torch.ones(1, 2, 4)))
nn.LSTM(3, 4)(torch.ones(2, 2, 3), (torch.ones(1, 4), torch.ones(1, 4)))
nn.GRU(3, 4)(torch.ones(2, 3), torch.ones(2, 3, 4))
nn.GRU(3, 4)(torch.ones(2, 2, 3), torch.ones(3, 2, 4))
nn.RNN(3, 4, nonlinearity="x")
nn.LSTM(3, 0)
nn.LSTM(3, 4, proj_size=5)
nn.LSTM(3, 4, dropout=3)
nn.GRUCell(3, 4)(torch.ones(2, 2, 3))
nn.LSTMCell(3, 4)(torch.ones(2, 3), (torch.ones(2, 2, 4), torch.ones(2, 4)))
nn.MultiheadAttention(4, 3)
nn.MultiheadAttention(4, 0)
nn.MultiheadAttention(4, 2)(torch.ones(2, 3, 5), torch.ones(2, 3, 4), torch.ones(2, 3, 4))
nn.MultiheadAttention(4, 2)(*[torch.ones(2, 3, 4)] * 3, attn_mask=torch.ones(3, 2))
nn.MultiheadAttention(4, 2)(*[torch.ones(2, 3, 4)] * 3, attn_mask=torch.ones(3, 3, 2))
nn.MultiheadAttention(4, 2)(*[torch.ones(2, 3, 4)] * 3, key_padding_mask=torch.ones(3, 3))
nn.MultiheadAttention(4, 2)(*[torch.ones(2, 3, 4)] * 3, is_causal=True)
nn.MultiheadAttention(4, 2)(torch.ones(4), torch.ones(2, 3, 4), torch.ones(3, 3, 4))
nn.Transformer(4, 2)(torch.ones(2, 3, 4), torch.ones(2, 2, 4))
nn.Transformer(4, 2, activation="x")
nn.MultiMarginLoss(p=3)
nn.TripletMarginLoss(margin=-1)
nn.init.calculate_gain("foo")
nn.init.xavier_uniform_(torch.ones(3))
nn.init.kaiming_normal_(torch.ones(3, 3), mode="foo")
nn.init.eye_(torch.ones(3))
nn.init.dirac_(torch.ones(3))
nn.init.orthogonal_(torch.ones(3))
nn.init.sparse_(torch.ones(3), 0.5)
""".strip().splitlines()


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    said = []
    for torch in (theirs, ours):
        with pytest.raises(Exception) as error:  # noqa: B017  (which one is what is compared)
            eval(text, {"nn": torch.nn, "torch": torch})
        kind = next(k for k in type(error.value).__mro__ if k.__module__ == "builtins")
        said.append((kind, str(error.value)))
    assert said[1] == said[0]


INITS = """
uniform_(t, -1, 2)
normal_(t, 1, 2)
trunc_normal_(t, std=0.02)
trunc_normal_(t, 0.5, 1.0, 0.0, 1.0)
constant_(t, 3)
ones_(t)
zeros_(t)
eye_(t)
xavier_uniform_(t, gain=2)
xavier_normal_(t)
kaiming_uniform_(t, nonlinearity="relu")
kaiming_normal_(t, mode="fan_out")
kaiming_normal_(t, a=0.2, nonlinearity="leaky_relu")
sparse_(t, 0.3)
orthogonal_(t)
dirac_(t.view(4, 3, 2, 2), 2)
""".strip().splitlines()


@pytest.mark.parametrize("text", INITS)
def test_init(text):
    results = []
    for torch in (ours, theirs):
        torch.manual_seed(1)
        t = torch.empty(6, 8)
        eval("init." + text, {"init": torch.nn.init, "t": t})
        results.append(t.numpy())
    if "orthogonal" in text:
        np.testing.assert_allclose(results[0], results[1], atol=1e-5)
    else:
        np.testing.assert_array_equal(results[0], results[1])
