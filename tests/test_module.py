"""Modules as objects: short programs that must print the same under torch and under the runtime."""

import pytest
import tensight_runtime as ours
from same_program import printed

theirs = pytest.importorskip("torch", reason="torch is not installed")

PROGRAMS = {
    "registration": """
        m = nn.Module()
        m.w = nn.Parameter(torch.ones(2))
        m.register_buffer("b", torch.zeros(1))
        m.register_buffer("t", torch.zeros(1), persistent=False)
        m.n = nn.Buffer(torch.ones(3))
        m.l = nn.Linear(2, 3)
        m.none = None
        m.register_parameter("q", None)
        show([n for n, _ in m.named_parameters()], [n for n, _ in m.named_buffers()], [n for n,
             _ in m.named_children()])
        show(list(m.state_dict()), m)
        m.w = None
        m.b = torch.ones(4)
        m.none = nn.ReLU()
        show(list(m.state_dict()), m.b, m.w, m, hasattr(m, "none"), "l" in dir(m))
        m.l = nn.Parameter(torch.zeros(1))
        del m.n
        show(list(m.buffers()))
        """,
    "moved": """
        m = nn.Module()
        m.x = 3
        m.x = nn.Parameter(torch.ones(1))
        show("x" in m.__dict__, list(m._parameters))
        m.y = nn.ReLU()
        m.y = nn.Parameter(torch.ones(1))
        show(list(m._parameters), list(m._modules))
        del m.x
        show(hasattr(m, "x"))
        """,
    "shared": """
        l = nn.Linear(2, 2)
        m = nn.ModuleDict({"a": l, "b": nn.Sequential(l, nn.ReLU())})
        show([n for n, _ in m.named_parameters()], [n for n, _ in m.named_parameters(remove_duplicate=False)])
        show([n for n, _ in m.named_modules()], [n for n, _ in m.named_modules(remove_duplicate=False)],
             list(m.state_dict()))
        show([n for n, _ in m.named_parameters("p", recurse=False)], len(list(m.children())), len(list(m.modules())))
        m.b[0].weight = m.a.weight
        show(len(list(m.parameters())))
        """,
    "before init": """
        class A(nn.Module):
            def __init__(self, what):
                self.plain = 3
                self.x = what
        for what in (nn.Parameter(torch.ones(1)), nn.ReLU(), 4):
            try:
                show(A(what).x)
            except AttributeError as e:
                show(str(e))
        """,
    "train": """
        m = nn.Sequential(nn.Dropout(), nn.Sequential(nn.BatchNorm1d(3)))
        show([x.training for x in m.modules()], [x.training for x in m.eval().modules()])
        show([x.training for x in m.train().modules()], m.requires_grad_(False) is m,
             [p.requires_grad for p in m.parameters()])
        """,
    "apply": """
        seen = []
        m = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU()))
        show(m.apply(lambda x: seen.append(type(x).__name__)) is m, seen)
        with torch.no_grad():
            m.apply(lambda x: nn.init.constant_(x.weight, 2) if isinstance(x, nn.Linear) else None)
        show(m[0].weight)
        """,
    "to": """
        m = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        p = m[0].weight
        m(torch.ones(3, 2)).sum().backward()
        show(m.double() is m, p is m[0].weight, p.dtype, p.grad.dtype, m[1].running_mean.dtype,
             m[1].num_batches_tracked.dtype)
        show(m.to(torch.float16)[0].weight.dtype, m.to("cpu", torch.float32)[0].weight.dtype, m.half()[1].weight.dtype)
        show(m.float()[0].weight.dtype, m.to(torch.ones(1, dtype=torch.float64))[0].weight.dtype,
             m.bfloat16()[0].bias.dtype)
        show(m.to(device="cpu", dtype=torch.float64)[0].bias.dtype, m.cpu() is m, m.type(torch.float32)[0].bias.dtype)
        """,
    "zero_grad": """
        m = nn.Linear(2, 2)
        m(torch.ones(2)).sum().backward()
        m.zero_grad(set_to_none=False)
        show(m.weight.grad)
        m.zero_grad()
        show(m.weight.grad)
        """,
    "state_dict": """
        a, b = [nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)) for _ in range(2)]
        s = a.state_dict()
        show(type(s).__name__, s._metadata, s["0.weight"].requires_grad,
             a.state_dict(keep_vars=True)["0.weight"].requires_grad)
        show(b.load_state_dict(s), (a[0].weight == b[0].weight).all(), b[0].weight.requires_grad)
        show(list(a.state_dict(prefix="x.")))
        del s["0.bias"]
        s["foo.bar"] = torch.ones(1)
        show(b.load_state_dict(s, strict=False))
        s = a.state_dict()
        show(b.load_state_dict(s, assign=True), b[1].weight.requires_grad,
             b[1].weight.data_ptr() == a[1].weight.data_ptr())
        """,
    "extra state": """
        class A(nn.Module):
            def get_extra_state(self):
                return {"x": 3}
            def set_extra_state(self, state):
                self.got = state
        m = nn.Sequential(A())
        s = m.state_dict()
        show(s, m.load_state_dict(s), m[0].got)
        """,
    "state hooks": """
        m = nn.Sequential(nn.Linear(1, 1))
        m[0].register_state_dict_pre_hook(lambda mod, prefix, keep: show("pre", prefix, keep))
        m[0]._register_state_dict_hook(lambda mod, s, prefix, meta: show("post", list(s), prefix))
        m[0].register_load_state_dict_pre_hook(lambda mod, s, prefix, *rest: show("load", list(s), prefix, mod is m[0]))
        m.register_load_state_dict_post_hook(lambda mod, keys: show(keys))
        m.load_state_dict(m.state_dict())
        """,
    "forward hooks": """
        m = nn.Linear(2, 2, bias=False)
        nn.init.ones_(m.weight)
        a = m.register_forward_pre_hook(lambda mod, args: (args[0] * 2,))
        b = m.register_forward_hook(lambda mod, args, out: out + args[0].sum())
        c = m.register_forward_hook(lambda mod, args, out: show("first", args, out), prepend=True)
        show(m(torch.ones(2)))
        a.remove()
        show(m(torch.ones(2)))
        with b:
            pass
        show(m(torch.ones(2)), len(m._forward_hooks))
        """,
    "kwarg hooks": """
        class A(nn.Module):
            def forward(self, x, k=1):
                if k == 7:
                    raise ValueError("seven")
                return x * k
        m = A()
        m.register_forward_pre_hook(lambda mod, args, kwargs: (args, {"k": kwargs["k"] + 1}), with_kwargs=True)
        m.register_forward_hook(lambda mod, args, kwargs, out: show(args, kwargs, out), with_kwargs=True,
            always_call=True)
        show(m(torch.ones(1), k=2))
        try:
            m(torch.ones(1), k=6)
        except ValueError as e:
            show(str(e))
        """,
    "global hooks": """
        h = torch.nn.modules.module.register_module_forward_hook(lambda mod, args, out: show(type(mod).__name__))
        m = nn.Sequential(nn.ReLU(), nn.Tanh())
        m(torch.ones(1))
        h.remove()
        m(torch.ones(1))
        """,
    "backward hooks": """
        m = nn.Linear(2, 2, bias=False)
        nn.init.ones_(m.weight)
        m.register_full_backward_hook(lambda mod, gi, go: show("hook", gi, go))
        x = torch.ones(2, requires_grad=True)
        (m(x) * 3).sum().backward()
        show(x.grad, m.weight.grad)
        m(torch.ones(2)).sum().backward()
        n = nn.Sequential(nn.Linear(2, 2, bias=False))
        nn.init.ones_(n[0].weight)
        n.register_full_backward_pre_hook(lambda mod, go: (go[0] * 10,))
        n.register_full_backward_hook(lambda mod, gi, go: (gi[0] + 1,))
        x.grad = None
        n(x).sum().backward()
        show(x.grad, n[0].weight.grad)
        """,
    "sequential": """
        m = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 3))
        show(m[1:], m[-1], len(m), [type(x).__name__ for x in m], m[:2] is m)
        m.append(nn.Tanh()).insert(1, nn.Sigmoid())
        m.extend([nn.GELU()])
        show(m)
        del m[0]
        show(m, m.pop(1), m)
        m[0] = nn.ELU()
        del m[1:]
        show(m, m + nn.Sequential(nn.ReLU()), m * 2, nn.Sequential(), nn.Sequential(nn.Sequential()))
        m += nn.Sequential(nn.SiLU())
        m *= 2
        show(m)
        """,
    "module list": """
        m = nn.ModuleList([nn.Linear(1, 1) for _ in range(3)] + [nn.ReLU()])
        show(m, m[1:], m[-1], len(m))
        m.append(nn.Tanh())
        m.insert(0, nn.Sigmoid())
        m += [nn.ELU(), nn.ELU()]
        show(m, m + [nn.ReLU()], m.pop(1), m)
        del m[0]
        m[0] = nn.GELU()
        show(m, list(m.state_dict()), nn.ModuleList(), nn.ModuleList([nn.ModuleList([nn.ReLU(), nn.ReLU()])] * 2))
        """,
    "module dict": """
        m = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Linear(1, 1)})
        m["c"] = nn.Tanh()
        m.update([["d", nn.ELU()]])
        m.update(nn.ModuleDict({"e": nn.GELU()}))
        show(m, list(m), len(m), "a" in m, list(m.keys()), [type(v).__name__ for v in m.values()], m.pop("a"))
        del m["b"]
        show(list(m.items()))
        m.clear()
        show(m)
        """,
    "parameter list": """
        m = nn.ParameterList([torch.ones(2), nn.Parameter(torch.ones(2, 3)), 3])
        m.append(torch.zeros(1))
        m += [torch.ones(4)]
        show(m, len(m), [type(v).__name__ for v in m], m[-1].shape, list(m.state_dict()), m[:2])
        m[0] = torch.zeros(5)
        show(m[0].shape, len(list(m.parameters())))
        """,
    "parameter dict": """
        m = nn.ParameterDict({"a": torch.ones(2), "b": 4})
        m["c"] = nn.Parameter(torch.ones(1))
        m.update({"d": torch.ones(3)})
        show(m, list(m), m.get("x", 5), m.pop("b"), list(m.state_dict()), m.popitem()[0], "c" in m, len(m))
        show(list(m.copy().keys()), m.setdefault("z", torch.ones(1)).shape, sorted(m | {"q": torch.ones(2)}))
        """,
    "repr": """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.a = nn.Linear(1, 2)
                self.b = nn.ModuleList([nn.ReLU()])
                self.c = None
            def extra_repr(self):
                return "x=1\\ny=2"
        show(Net(), str(Net().b), nn.Module())
        """,
    "copies": """
        import copy, pickle
        m = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        m.tied = m[0].weight
        c = copy.deepcopy(m)
        show(c.tied is c[0].weight, c.tied is m.tied, (c.tied == m.tied).all(), type(c.tied).__name__,
             list(c.state_dict()))
        s = copy.copy(m)
        show(s[0] is m[0])
        p = pickle.loads(pickle.dumps(m))
        show((p[0].weight == m[0].weight).all(), p, type(p[0].weight).__name__, p.training)
        """,
    "lookups": """
        m = nn.Sequential(nn.Sequential(nn.Linear(1, 2)), nn.BatchNorm1d(2))
        show(m.get_submodule("0.0"), m.get_submodule("") is m, m.get_parameter("0.0.weight").shape,
             m.get_buffer("1.running_var"))
        m.set_submodule("0.0", nn.ReLU())
        show(m)
        """,
    "init signature": """
        class A(nn.Module):
            def __init__(self, n):
                super().__init__()
                self.n = n
        for call in (lambda: A(), lambda: A(1, 2), lambda: nn.Module(1), lambda: nn.Module(x=1), lambda: nn.Linear(1)):
            try:
                call()
            except TypeError as e:
                show(str(e))
        """,
    "embedding": """
        e = nn.Embedding.from_pretrained(torch.arange(6.0).reshape(3, 2))
        show(e, e.weight, e.weight.requires_grad, nn.Embedding.from_pretrained(torch.ones(3, 2),
             freeze=False).weight.requires_grad)
        show(nn.EmbeddingBag.from_pretrained(torch.ones(3, 2)).weight.requires_grad)
        """,
    "lazy": """
        m = nn.Sequential(nn.LazyLinear(2), nn.LazyBatchNorm1d())
        show(m, [type(p).__name__ for p in m.parameters()], m[0].has_uninitialized_params())
        torch.manual_seed(0)
        m(torch.ones(3, 4))
        show(m, [p.shape for p in m.parameters()], m[0].weight, type(m[0]).__name__)
        n = nn.LazyLinear(2)
        n.load_state_dict(m[0].state_dict())
        show(n.weight.shape)
        """,
    "sync": """
        m = nn.Sequential(nn.BatchNorm2d(2), nn.Sequential(nn.BatchNorm1d(3, affine=False)))
        show(nn.SyncBatchNorm.convert_sync_batchnorm(m), list(m.state_dict()))
        """,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    assert printed(ours, PROGRAMS[name]) == printed(theirs, PROGRAMS[name])
