"""torch.nn.utils and its like: short programs that must print the same under torch and under the runtime."""

import pytest
import tensight_runtime as ours
from same_program import printed

theirs = pytest.importorskip("torch", reason="torch is not installed")

PROGRAMS = {
    "clip norm": """
        p = [nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(1))]
        p[0].grad, p[1].grad = torch.ones(2, 2) * 3, torch.arange(3.0)
        show(nn.utils.clip_grad_norm_(p, 1.0), p[0].grad, p[1].grad, p[2].grad)
        show(nn.utils.clip_grad_norm_(p[0], 10, norm_type=float("inf")), nn.utils.clip_grad_norm_(p[2], 1), p[0].grad)
        show(nn.utils.get_total_norm([g.grad for g in p[:2]], 1))
        nn.utils.clip_grad_value_(p, 0.1)
        show(p[0].grad, p[1].grad)
        p[0].grad[0, 0] = float("nan")
        try:
            nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)
        except RuntimeError as e:
            show(str(e))
        """,
    "vector": """
        m = nn.Linear(2, 2)
        v = nn.utils.parameters_to_vector(m.parameters())
        show(v.shape, (v[:4] == m.weight.flatten()).all())
        nn.utils.vector_to_parameters(torch.arange(6.0), m.parameters())
        show(m.weight, m.bias)
        """,
    "pad sequence": """
        s = [torch.arange(3.0), torch.ones(1), torch.ones(2) * 2]
        r = nn.utils.rnn
        show(r.pad_sequence(s), r.pad_sequence(s, True, -1.0), r.pad_sequence(s, padding_side="left"))
        show(r.unpad_sequence(r.pad_sequence(s), torch.tensor([3, 1, 2])))
        """,
    "packed": """
        r = nn.utils.rnn
        x = torch.arange(24.0).reshape(3, 4, 2)
        for p in (r.pack_padded_sequence(x, [4, 3, 1], True), r.pack_padded_sequence(x, torch.tensor([1, 4, 2]),
            True, False)):
            show(p, *r.pad_packed_sequence(p), *r.pad_packed_sequence(p, True, -1.0, 6), r.unpack_sequence(p))
        show(r.pack_sequence([torch.ones(3), torch.zeros(2)]))
        for lengths in ([1, 2, 3], [3, 2, 0], [3, 2]):
            try:
                r.pack_padded_sequence(x, lengths, True)
            except RuntimeError as e:
                show(str(e))
        """,
    "packed rnn": """
        r = nn.utils.rnn
        torch.manual_seed(0)
        x = torch.randn(3, 4, 2)
        p = r.pack_padded_sequence(x, torch.tensor([1, 4, 2]), True, False)
        for m in (nn.LSTM(2, 3, 2, bidirectional=True, batch_first=True), nn.GRU(2, 3), nn.RNN(2, 3, bias=False),
                  nn.LSTM(2, 3, proj_size=2)):
            out, state = m(p)
            show(out.data, out.batch_sizes, state)
            show(r.pad_packed_sequence(out)[0], m(p, state)[0].data)
        """,
    "all weights": """
        m = nn.LSTM(2, 3, 2, bias=False)
        show([[w.shape for w in ws] for ws in m.all_weights], len(m._flat_weights))
        """,
    "weight norm": """
        import warnings
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        m = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
        show(m, list(m.state_dict()), m(torch.ones(2)), m.weight, type(m).__name__)
        nn.utils.parametrize.remove_parametrizations(m, "weight")
        show(m, list(m.state_dict()), m(torch.ones(2)))
        o = nn.utils.weight_norm(nn.Conv1d(2, 3, 2), dim=None)
        show(o, list(o.state_dict()), o(torch.ones(2, 4)))
        o(torch.ones(2, 4)).sum().backward()
        show(o.weight_g.grad, o.weight_v.grad)
        show(nn.utils.remove_weight_norm(o), list(o.state_dict()))
        """,
    "spectral norm": """
        torch.manual_seed(0)
        m = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 3))
        show(m, list(m.state_dict()), m(torch.ones(4)), m.eval()(torch.ones(4)))
        o = nn.utils.spectral_norm(nn.ConvTranspose1d(2, 3, 2))
        show(o, list(o.state_dict()), o(torch.ones(2, 4)), o.eval()(torch.ones(2, 4)))
        show(list(nn.utils.remove_spectral_norm(o).state_dict()))
        """,
    "parametrize": """
        class Symmetric(nn.Module):
            def forward(self, x):
                return x.triu() + x.triu(1).T
            def right_inverse(self, a):
                return a.triu()
        p = nn.utils.parametrize
        torch.manual_seed(0)
        m = nn.Linear(3, 3)
        p.register_parametrization(m, "weight", Symmetric())
        show(m, m.weight, p.is_parametrized(m), p.is_parametrized(m, "bias"), list(m.state_dict()),
             m.parametrizations.weight)
        m.weight = torch.ones(3, 3)
        show(m.weight, m.parametrizations.weight.original)
        m(torch.ones(3)).sum().backward()
        show(m.parametrizations.weight.original.grad, p.type_before_parametrizations(m).__name__)
        """,
    "fusion": """
        torch.manual_seed(0)
        c, b = nn.Conv2d(2, 3, 2).eval(), nn.BatchNorm2d(3).eval()
        b.running_mean += 2
        b.weight.data *= 3
        x = torch.ones(1, 2, 3, 3)
        show(nn.utils.fuse_conv_bn_eval(c, b)(x), b(c(x)))
        """,
    "data parallel": """
        m = nn.DataParallel(nn.Linear(2, 3))
        show(list(m.state_dict()), m(torch.ones(1, 2)).shape)
        """,
    "gains": """
        show([nn.init.calculate_gain(n) for n in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu")])
        show(nn.init.calculate_gain("leaky_relu", 0.2), nn.init._calculate_fan_in_and_fan_out(torch.ones(2, 3, 4, 5)))
        """,
    "checkpoint": """
        from importlib import import_module
        c = import_module(torch.__name__ + ".utils.checkpoint")
        m = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
        nn.init.ones_(m[0].weight), nn.init.ones_(m[0].bias)
        show(c.checkpoint(m, torch.ones(2), use_reentrant=False), c.checkpoint_sequential(m, 2, torch.ones(2),
             use_reentrant=False))
        """,
    "masks": """
        show(nn.Transformer.generate_square_subsequent_mask(3))
        torch.manual_seed(0)
        m = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0)
        x = torch.randn(3, 2, 4)
        mask = nn.Transformer.generate_square_subsequent_mask(3)
        pad = torch.tensor([[False, False, True], [False, False, False]])
        show(m(x, mask), m(x, mask, is_causal=True), m(x, src_key_padding_mask=pad), m(x, mask.isinf()))
        e = nn.TransformerEncoder(m, 2)
        show(e(x, mask))
        a = nn.MultiheadAttention(4, 2)
        show(*a(x, x, x, average_attn_weights=False), *a(x, x, x, attn_mask=torch.zeros(4, 3, 3),
             key_padding_mask=pad.float()))
        """,
    "adaptive softmax": """
        torch.manual_seed(0)
        m = nn.AdaptiveLogSoftmaxWithLoss(8, 10, [3, 6])
        x = torch.randn(2, 8)
        show(m.log_prob(x), m.predict(x))
        """,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    assert printed(ours, PROGRAMS[name]) == printed(theirs, PROGRAMS[name])
