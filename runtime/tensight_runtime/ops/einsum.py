"""torch.einsum: an equation, read once, gives the shape, what it aliases, the kernel and the derivative."""

from functools import lru_cache
from typing import NamedTuple

from tensight_runtime.spec import promote
from tensight_runtime.spec.cond import eq, ge
from tensight_runtime.spec.dtype import result_type
from tensight_runtime.spec.kind import Any, Str, Tensor, TensorLike, Tensors, UnknownLike
from tensight_runtime.spec.op import op, scalar_name
from tensight_runtime.spec.require import RankUnknown, Refused, require
from tensight_runtime.spec.shape import broadcastable
from tensight_runtime.spec.size import UNKNOWN, smax

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ELLIPSIS = "."


class Equation(NamedTuple):
    """Subscripts per operand and of the result; an ellipsis is one "."."""

    inputs: tuple[str, ...]
    output: str


@lru_cache(maxsize=1024)
def read(equation: str, count: int) -> Equation:
    """`"bi,ij->bj"` for `count` operands; refused in torch's words where it is malformed."""
    left, arrow, right = equation.partition("->")
    parts = left.split(",")
    inputs = tuple(_subscripts(part, equation, i) for i, part in enumerate(parts))
    if count < len(inputs):
        raise Refused("einsum(): fewer operands were provided than specified in the equation")
    if count > len(inputs):
        raise Refused("einsum(): more operands were provided than specified in the equation")
    everything = "".join(inputs)
    if not arrow:
        letters = sorted(c for c in set(everything) - {ELLIPSIS} if everything.count(c) == 1)
        return Equation(inputs, ELLIPSIS * (ELLIPSIS in everything) + "".join(letters))
    output = _subscripts(right, equation, None, len(left) + 2)
    for c in output:
        if c != ELLIPSIS and output.count(c) > 1:
            raise Refused(f"einsum(): output subscript {c} appears more than once in the output")
        if c != ELLIPSIS and c not in everything:
            raise Refused(f"einsum(): output subscript {c} does not appear in the equation for any input operand")
    return Equation(inputs, output)


def _subscripts(part: str, equation: str, operand: int | None, start: int | None = None) -> str:
    where = "the output" if operand is None else f"operand {operand}"
    if start is None:
        start = sum(len(p) + 1 for p in equation.partition("->")[0].split(",")[:operand])
    found, i = "", 0
    while i < len(part):
        c = part[i]
        if c == ELLIPSIS:
            if part[i : i + 3] != "...":
                raise Refused(f"einsum(): found '.' for {where} that is not part of any ellipsis")
            if ELLIPSIS in found:
                raise Refused(f"einsum(): found '.' for {where} for which an ellipsis was already found")
            found, i = found + ELLIPSIS, i + 3
            continue
        if c in LETTERS:
            found += c
        elif c != " ":
            raise Refused(
                f"einsum(): invalid subscript given at index {start + i} in the equation string, subscripts must be"
                f" in [a-zA-Z]"
            )
        i += 1
    return found


def _sizes(equation: Equation, operands):
    """The size of each letter and the dims of the ellipsis (dims of operands that share one broadcast)."""
    sizes, batch = {}, ()
    for i, (letters, fact) in enumerate(zip(equation.inputs, operands, strict=True)):
        shape = fact.shape
        fixed = letters.replace(ELLIPSIS, "")
        covered = len(shape) - len(fixed)
        if ELLIPSIS not in letters and covered != 0:
            raise Refused(
                f"einsum(): the number of subscripts in the equation ({len(fixed)}) does not match the number of"
                f" dimensions "
                f"({len(shape)}) for operand {i} and no ellipsis was given"
            )
        if covered < 0:
            raise Refused(
                f"einsum(): the number of subscripts in the equation ({len(fixed)}) is more than the number of"
                f" dimensions "
                f"({len(shape)}) for operand {i}"
            )
        at, own = 0, {}
        for letter in letters:
            if letter == ELLIPSIS:
                batch = _joined(batch, shape[at : at + covered], i)
                at += covered
                continue
            size = shape[at]
            at += 1
            if letter in own:
                message = "einsum(): subscript {} is repeated for operand {} but the sizes don't match, {} != {}"
                require(eq(own[letter], size), message, letter, i, size, own[letter])
                continue
            own[letter] = size
        for letter, size in own.items():
            message = (
                "einsum(): subscript {} has size {} for operand {} which does not broadcast with previously seen "
                "size {}"
            )
            sizes[letter] = (
                _meet(sizes[letter], size, message, letter, size, i, sizes[letter]) if letter in sizes else size
            )
    return sizes, batch


def _meet(seen, size, message, *values):
    require(broadcastable(seen, size), message, *values)
    if eq(seen, 1) is True:
        return size
    if eq(size, 1) is True or eq(seen, size) is True or isinstance(seen, int):
        return seen
    if isinstance(size, int):
        return size
    return smax(seen, size) if ge(seen, 1) is True and ge(size, 1) is True else UNKNOWN


def _joined(batch, dims, operand):
    width = max(len(batch), len(dims))
    batch, dims = (1,) * (width - len(batch)) + batch, (1,) * (width - len(dims)) + dims
    message = "einsum(): subscript ... has size {} for operand {} which does not broadcast with previously seen size {}"
    return tuple(_meet(a, b, message, b, operand, a) for a, b in zip(batch, dims, strict=True))


def einsum_dims(equation, operands):
    if not isinstance(equation, str) or isinstance(operands, UnknownLike):
        raise RankUnknown
    parsed = read(equation, len(operands))
    sizes, batch = _sizes(parsed, operands)
    result = []
    for letter in parsed.output:
        result.extend(batch if letter == ELLIPSIS else [sizes[letter]])
    return tuple(result)


def einsum_dtype(equation, operands):
    """Sums of products do not promote; products without a sum do."""
    if not isinstance(equation, str) or isinstance(operands, UnknownLike):
        return None
    dtypes = [t.dtype for t in operands]
    known = [d for d in dtypes if d]
    if (
        len(set(known)) > 1
        and len(known) == len(dtypes)
        and set("".join(read(equation, len(operands)).inputs)) - set(read(equation, len(operands)).output)
    ):
        raise Refused(f"expected scalar type {scalar_name(dtypes[0])} but found {scalar_name(dtypes[1])}")
    return result_type([(t.dtype, 1) for t in operands])


def einsum_alias(equation) -> str:
    """One operand whose letters all survive is only transposed, or a diagonal of it taken: a view."""
    if not isinstance(equation, str):
        return "maybe"
    parsed = read(equation, 1)
    return "view" if set(parsed.inputs[0]) == set(parsed.output) else "new"


@op("torch.einsum", overload="alone", in_order=False, shape=lambda equation, operand: einsum_dims(equation, [operand]),
    dtype=promote.same("operand"), alias=einsum_alias, autocast="lower", name="einsum",
    accepts=["einsum('ii->i', f32[3, 3])", "einsum('ij->ji', f32[2, 3])", "einsum('ii', f32[3, 3])",
             "einsum('i...->...', f32[2, 3, 4])",
             "einsum('bab', f32[2, 3, 2])", "einsum('iij->ij', f32[2, 2, 3])", "einsum('i j -> ', f32[2, 3])",
             "einsum('aB', f32[2, 3])"],
    rejects={"einsum('ij->ik', f32[2, 3])": "einsum(): output subscript k does not appear in the equation for any"
             " input operand",
             "einsum('ij,jk->ik', f32[2, 3])": "einsum(): fewer operands were provided than specified in the equation",
             "einsum('ijk->ik', f32[2, 3])": "einsum(): the number of subscripts in the equation (3) does not match"
             " the number of"
             " dimensions (2) for operand 0 and no ellipsis was given",
             "einsum('ii->i', f32[2, 3])": "einsum(): subscript i is repeated for operand 0 but the sizes don't"
             " match, 3 != 2",
             "einsum('i1->i', f32[2, 3])": "einsum(): invalid subscript given at index 1 in the equation"
             " string"})  # fmt: skip
def einsum_alone(xp, equation: Str, operand: Tensor):
    """Of one tensor: a transposed view ("ij->ji"), a diagonal ("ii->i"), or sums ("ij->j")."""
    parsed = read(equation, 1)
    return xp.einsum(f"{parsed.inputs[0]}->{parsed.output}".replace(ELLIPSIS, "..."), operand)


@einsum_alone.vjp("operand")
def _(g, equation, operand_shape):
    parsed = read(equation, 1)
    mine = parsed.inputs[0]
    distinct = "".join(dict.fromkeys(mine))
    target = "".join(c for c in distinct if c in parsed.output)
    if target != parsed.output:
        g = einsum(f"{parsed.output}->{target}".replace(ELLIPSIS, "..."), g)
    return _as_operand(g, operand_shape, mine, target)


@op(
    "torch.einsum",
    shape=einsum_dims, in_order=False,
    dtype=einsum_dtype,
    varargs="operands",
    autocast="lower",
    accepts=["einsum('ij,jk->ik', f32[2, 3], f32[3, 4])", "einsum('bhid,bhjd->bhij', f32[2, 1, 3, 4], f32[2, 1, 5, 4])",
             "einsum('...ij,...jk', f32[2, 3, 4], f32[4, 5])", "einsum('i,j', f32[2], f64[3])",
             "einsum('ij,kj', f32[2, 3], f32[4, 1])",
             "einsum('ij,jk->ik', [f32[2, 3], f32[3, 4]])",
             "einsum('bn,anm,bm->ba', f32[2, 3], f32[5, 3, 4], f32[2, 4])",
             "einsum('ij,j->ij', f32[2, 3], f32[3])", "einsum('ij->ji', [f32[2, 3]])",
             "einsum('iij,j->ij', f32[2, 2, 3], f32[3])"],
    rejects={"einsum('ij,jk->ik', f32[2, 3], f32[4, 5])": "einsum(): subscript j has size 4 for operand 1 which does"
             " not"
             " broadcast with previously seen size 3"},
)  # fmt: skip
def einsum(xp, equation: Str, operands: Tensors):
    """Sums of products: "bi,ij->bj".  A letter that the result lacks is summed; "..." stands for batch dims."""
    parsed = read(equation, len(operands))
    left, right = ",".join(parsed.inputs), parsed.output
    if len({o.dtype for o in operands}) > 1:
        operands = [o.astype(xp.result_type(*operands), copy=False) for o in operands]
    if operands[0].dtype.char == "e":
        operands = [o.astype("float32") for o in operands]
        return xp.einsum(f"{left}->{right}".replace(ELLIPSIS, "..."), *operands, optimize=True).astype("float16")
    return xp.einsum(f"{left}->{right}".replace(ELLIPSIS, "..."), *operands, optimize=True)


@einsum.vjp("operands")
def _(g, equation, operands):
    parsed = read(equation, len(operands))
    return [_gradient(g, parsed, operands, i) for i in range(len(operands))]


def _gradient(g, parsed: Equation, operands, at: int):
    """The same sum with the gradient in the operand's place; what only the operand has is spread out again."""
    mine = parsed.inputs[at]
    distinct = "".join(dict.fromkeys(mine))
    others = [(letters, o) for i, (letters, o) in enumerate(zip(parsed.inputs, operands, strict=True)) if i != at]
    present = set(parsed.output).union(*(letters for letters, _ in others))
    target = "".join(c for c in distinct if c in present)
    terms = [(parsed.output, g)] + [(letters, o.conj() if o.dtype.is_complex else o) for letters, o in others]
    text = f"{','.join(letters for letters, _ in terms)}->{target}".replace(ELLIPSIS, "...")
    dtype = g.dtype
    result = einsum(text, *(o if o.dtype is dtype else o.to(dtype) for _, o in terms))
    return _as_operand(result, operands[at].shape, mine, target)


def _as_operand(result, shape, mine: str, target: str):
    """Give `result` (dims `target`) the operand's own dims: missing ones are expanded, a repeated letter a diagonal."""
    covered = len(shape) - len(mine.replace(ELLIPSIS, ""))
    extent, at = {}, 0
    for letter in mine:
        extent.setdefault(letter, tuple(shape[at : at + (covered if letter == ELLIPSIS else 1)]))
        at += covered if letter == ELLIPSIS else 1
    distinct = list(dict.fromkeys(mine))
    if ELLIPSIS in target:  # the other operands may have had more batch dims, or fewer
        extra = result.dim() - (len(target) - 1) - covered
        first = target.index(ELLIPSIS)
        for _ in range(extra):
            result = result.sum(first)
        for _ in range(-extra):
            result = result.unsqueeze(first)
    position = 0
    for letter in distinct:
        width = covered if letter == ELLIPSIS else 1
        if letter not in target:
            for _ in range(width):
                result = result.unsqueeze(position)
        else:
            for i, size in enumerate(extent[letter]):
                if size == 1 and result.shape[position + i] != 1:  # it was broadcast
                    result = result.sum(position + i, keepdim=True)
        position += width
    result = result.expand([s for letter in distinct for s in extent[letter]])
    if len(distinct) == len(mine):
        return result
    return _spread_diagonal(result, mine, distinct, extent)


def _spread_diagonal(result, mine: str, distinct, extent):
    """Zero except where the dims of a repeated letter agree."""
    letters = list(distinct)
    for letter in distinct:
        for _ in range(mine.count(letter) - 1):
            at = sum(len(extent[c]) for c in letters[: letters.index(letter)])
            last = sum(len(extent[c]) for c in letters)
            result = result.movedim(at, -1).diag_embed(0, at, last)
            letters.append(letter)
    starts, order, used = {}, [], {}
    position = 0
    for letter in letters:
        starts.setdefault(letter, []).append(position)
        position += len(extent[letter])
    for letter in mine:
        which = used.get(letter, 0)
        used[letter] = which + 1
        order.extend(range(starts[letter][which], starts[letter][which] + len(extent[letter])))
    return result.permute(order)


@op("torch.einsum", overload="sublist", composite=True, in_order=False,
    shape=lambda args: einsum_dims(*from_sublists(args)),
    dtype=lambda args: einsum_dtype(*from_sublists(args)), alias="maybe", varargs="args", name="einsum",
    accepts=["einsum(f32[2, 3], [0, 1], f32[3, 4], [1, 2], [0, 2])", "einsum(f32[2, 3], [..., 1])"])  # fmt: skip
def einsum_sublist(args: Any):
    """einsum with a list of numbers after each operand instead of letters: einsum(a, [0, 1], b, [1, 2], [0, 2])."""
    equation, tensors = from_sublists(args)
    return einsum(equation, *tensors)


def from_sublists(arguments):
    if isinstance(arguments, (UnknownLike, TensorLike)) or any(
        isinstance(n, UnknownLike) for part in arguments if isinstance(part, (list, tuple)) for n in part
    ):
        raise RankUnknown
    if not all(isinstance(part, (list, tuple)) for part in (*arguments[1::2], *arguments[len(arguments) & ~1 :])):
        raise RankUnknown  # an equation nobody knows, then: einsum(equation, a, b)
    tensors = list(arguments[: len(arguments) - len(arguments) % 2 : 2])
    inputs = [_letters(numbers) for numbers in arguments[1::2]]
    equation = ",".join(inputs)
    return (f"{equation}->{_letters(arguments[-1])}" if len(arguments) % 2 else equation), tensors


def _letters(numbers) -> str:
    for n in numbers:
        if n is not Ellipsis and not 0 <= n < 52:
            raise Refused(f"einsum(): subscripts must be in the range [0, 52) but found {n}")
    return "".join("..." if n is Ellipsis else LETTERS[n] for n in numbers)
