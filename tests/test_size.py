"""Symbolic sizes: tables of what users see, and fuzzing against plain integers, where nothing may ever be wrong."""

from __future__ import annotations

import copy
import itertools
import operator
import pickle
import random
from collections import Counter

import pytest
from tensight_runtime.spec.cond import Cond, compare, decide, decided, divides, eq, ge, gt, le, lt, ne
from tensight_runtime.spec.knowledge import Knowledge
from tensight_runtime.spec.learning import Quotient
from tensight_runtime.spec.size import (
    LETTER,
    MAX_TERMS,
    UNKNOWN,
    Expr,
    Symbol,
    as_atom,
    as_size,
    bounds,
    ceil_div,
    evaluate,
    lower,
    order,
    parse_size,
    product,
    smax,
    smin,
    substitute,
    symbol,
    symbols,
    total,
    upper,
)

B, C, H, T, W = map(symbol, "BCHTW")
k = symbol("k", low=1)
nh = symbol("n_head")
i = symbol("i", low=None)
EMPTY = Knowledge.EMPTY


def conv(size, kernel, stride, padding):
    return (size + 2 * padding - kernel) // stride + 1


def assume(*conds) -> Knowledge:
    path = EMPTY
    for cond in conds:
        path = path.assume(cond)
        assert path is not None, cond
    return path


# --- sizes ------------------------------------------------------------------------------------------------------------

FORMS = [
    (H - H, "0"),
    (2 * H + 1 - H, "H + 1"),
    (5 - H, "5 - H"),
    (-H, "-H"),
    (H - 2 * W - 1, "H - 2*W - 1"),
    (T * B, "B*T"),
    ((H + 1) ** 2, "H**2 + 2*H + 1"),
    ((H + 1) * (H - 1) + 1, "H**2"),
    (product([B, T, 3, C]), "3*B*C*T"),
    (total([H, 1, H]), "2*H + 1"),
    # floor division by a number
    (conv(H, 7, 2, 3), "(H + 1)//2"),
    (conv(H, 3, 1, 1), "H"),
    (conv(H, 5, 1, 0) // 2, "H//2 - 2"),
    ((2 * H + 2 * W) // 4, "(H + W)//2"),
    ((2 * H + 3) // 4, "(H + 1)//2"),
    ((8 * H + 6) // 8, "H"),
    ((H // 2 + 1) // 3, "(H + 2)//6"),
    (H // 2 // 2 // 2, "H//8"),
    (H // -2, "-((H + 1)//2)"),
    (3 * H // 4, "3*H//4"),
    ((H - W) // 2, "(H - W)//2"),
    (H // 2 * W, "W*(H//2)"),
    (2 * (H // 2), "2*(H//2)"),
    (-(H // 2), "-(H//2)"),
    (W - H // 2, "W - H//2"),
    (H % 8, "H - 8*(H//8)"),
    (H % 8 // 8, "0"),
    ((4 * H + 2) % 4, "2"),
    # the idioms for rounding up are one form
    (ceil_div(H, 8), "(H + 7)//8"),
    (-(-H // 8), "(H + 7)//8"),
    ((H + 7) // 8, "(H + 7)//8"),
    (H + -H % 8, "8*((H + 7)//8)"),
    (H + (8 - H % 8) % 8, "8*((H + 7)//8)"),
    (ceil_div(T, k), "(T - 1)//k + 1"),
    ((T + k - 1) // k, "(T - 1)//k + 1"),
    # floor division by an expression: only what is >= 1 is cancelled
    (T * k // k, "T"),
    (T * H // H, "H*T//H"),
    ((T * k + k - 1) // k, "T"),
    (B * T * k // (2 * k), "B*T//2"),
    ((H * k + 2 * H) // (k + 2), "H"),
    ((H + 1) * (W + 2) // (W + 2), "H + 1"),
    (H // k // 2, "H//(2*k)"),
    (H // (B * T), "H//(B*T)"),
    (H // (T + 1), "H//(T + 1)"),
    (-1 // k, "-1"),
    # min, max
    (smin(T, 32), "min(T, 32)"),
    (smin(T, T + 1, 40, 32), "min(T, 32)"),
    (smin(smin(T, 5), W), "min(T, W, 5)"),
    (smax(T, 0), "T"),
    (smax(T, i), "max(T, i)"),
    (smin(T, 31) // 32, "0"),
    (2 * smin(T, W) + 1, "2*min(T, W) + 1"),
    (symbol("self.d") * symbol("x.shape[0]"), "self.d*x.shape[0]"),
]


@pytest.mark.parametrize(("size", "text"), FORMS, ids=[text for _, text in FORMS])
def test_a_size_prints_as_python_and_reads_back(size, text):
    assert str(size) == text
    known = {"k": k, "i": i}
    assert parse_size(text, lambda name: known.get(name, symbol(name))) == size


def test_five_strided_convolutions():
    size = H
    for _ in range(5):
        size = conv(size, 3, 2, 1)
    assert str(size) == "(H + 31)//32"


def test_constants_are_ints():
    for size in (H - H, (H + 3) - H, 0 * H, H * 0, 2 * H // (2 * symbol("H")) - 2 * H // (2 * H), k // k, k**0):
        assert type(size) is int


def test_equality_is_of_forms_and_needs_equal_symbols():
    assert H + W == symbol("W") + symbol("H")
    assert hash(H + W) == hash(W + H)
    assert len({H, symbol("H"), symbol("H", key=1), symbol("H", low=1), symbol("H", rank=LETTER)}) == 4
    assert H != 3 and H != "H"


def test_order_does_not_depend_on_creation():
    late, early = symbol("b_late"), symbol("a_early")
    assert str(late * early + late + early) == "a_early*b_late + a_early + b_late"
    assert str(symbol("x", key=2) * 2 + symbol("x", key=1)) == "x + 2*x"
    assert sorted([as_atom(W), as_atom(H // 2), as_atom(B)], key=order) == [as_atom(B), as_atom(W), as_atom(H // 2)]


def test_copies_and_pickles_are_equal():
    size = smin(T, 32) * ((H + 1) // k) + i
    hash(size)
    assert copy.deepcopy(size) == size == pickle.loads(pickle.dumps(size))
    assert pickle.loads(pickle.dumps(UNKNOWN)) is UNKNOWN is copy.deepcopy(UNKNOWN)


def test_unknown_absorbs():
    sizes = [UNKNOWN + 1, 2 - UNKNOWN, UNKNOWN * H, H * UNKNOWN, H // UNKNOWN, 7 // UNKNOWN, H % UNKNOWN, -UNKNOWN]
    sizes += [UNKNOWN**2, smin(3, UNKNOWN), smax(H, UNKNOWN), product([2, UNKNOWN]), ceil_div(UNKNOWN, 2)]
    assert all(size is UNKNOWN for size in sizes)
    assert str(UNKNOWN) == "?" and parse_size("?") is UNKNOWN
    with pytest.raises(ValueError, match="unknown size"):
        evaluate(UNKNOWN, {})


def test_sizes_that_nobody_would_read_are_unknown():
    many = [symbol(f"s{n}") for n in range(MAX_TERMS + 1)]
    assert type(total(many[:-1])) is Expr
    assert total(many) is UNKNOWN
    assert type(H**64) is Expr and H**65 is UNKNOWN and H**10**9 is UNKNOWN
    nested = H
    for n in range(70):
        nested = smax(nested // (W + n), B)
    assert nested is UNKNOWN


@pytest.mark.parametrize("use", [bool, operator.index, range, lambda size: [0][size], lambda size: size < 3])
def test_an_expression_is_no_truth_value_and_no_index(use):
    with pytest.raises(TypeError):
        use(H)


def test_division_by_zero_raises_as_in_python():
    for use in (lambda: H // 0, lambda: H % 0, lambda: evaluate(T // H, {as_atom(T): 3, as_atom(H): 0})):
        with pytest.raises(ZeroDivisionError):
            use()


def test_substitute_and_symbols():
    assert symbols(H // 2 + smin(T, W * 3)) == {as_atom(H), as_atom(T), as_atom(W)}
    assert substitute(H // 2 + T, {as_atom(H): 4 * W + 1}) == 2 * W + T
    assert substitute(H // 2 + H, {as_atom(H // 2): W}) == W + H
    assert substitute(T, {as_atom(H): W}) is T


BOUNDS = [
    (H, 0, None),
    (i, None, None),
    (k * k + 1, 2, None),
    (3 - H, None, 3),
    (i**2, 0, None),
    ((H - 1) // 2, -1, None),
    ((H - 3) // k, -3, None),
    (H // i, None, None),
    (smin(T, 32), 0, 32),
    (smax(k, 3) * smin(T, 2), 0, None),
    (-H // k, None, 0),
]


@pytest.mark.parametrize(("size", "low", "high"), BOUNDS)
def test_bounds(size, low, high):
    assert (lower(size), upper(size)) == (low, high)


@pytest.mark.parametrize(
    "text", ["", "H +", "f(x)", "H/2", "1.5", "'a'", "H if T else 2", "min()", "H**W", "(" * 500, "3//0", "True"]
)
def test_what_is_no_size_is_a_value_error(text):
    with pytest.raises(ValueError):
        parse_size(text)


# --- conditions -------------------------------------------------------------------------------------------------------

VERDICTS = [
    (eq(T + 1, T), False),
    (ne(2 * H, 5), True),
    (eq(H - H // 2, (H + 1) // 2), True),
    (eq((H - W) // 2 + W, (H + W) // 2), True),
    (eq(k + H, 0), False),
    (le(H // 2, H), True),
    (gt(H // 2, H), False),
    (lt(H % 8, 8), True),
    (lt(H % nh, nh), True),
    (ge(C, 8 * (C // 8)), True),
    (le(smin(T, 32), T), True),
    (ge(smax(T, W), W), True),
    (divides(8, 16 * H + 8), True),
    (divides(4, 4 * H + 2), False),
    (divides(k, k * T), True),
    (divides(H + 1, (H + 1) * W), True),
    (divides(0, 5), False),
    (eq(H, 2 * (H // 2)), "H == 2*(H//2)"),
    (eq(H + W, H), "H + W == H"),
    (eq(B * C, C), "B*C == C"),
    (lt(H // 2, H), "H//2 < H"),
    (divides(8, C), "C % 8 == 0"),
    (divides(8, C // 2), "(C//2) % 8 == 0"),
    (divides(nh, nh * C), "C*n_head % n_head == 0"),
    (eq(UNKNOWN, 3), "? == 3"),
    (eq(UNKNOWN, UNKNOWN), "? == ?"),
]


@pytest.mark.parametrize(("verdict", "expected"), VERDICTS)
def test_verdicts(verdict, expected):
    assert verdict is expected or str(verdict) == expected
    assert decided(verdict) is (expected if isinstance(expected, bool) else None)


def test_a_condition_is_a_value_without_truth():
    cond = divides(8, C)
    assert cond == divides(8, symbol("C")) and hash(cond) == hash(divides(8, C))
    assert str(cond.negate()) == "C % 8 != 0" and cond.negate().negate() == cond
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(cond)


# --- knowledge --------------------------------------------------------------------------------------------------------


def test_equal_sizes_get_one_form():
    path = assume(eq(H, W + 1), eq(T, 2 * W))
    assert path.normalize(H * T) == path.normalize(2 * (H - 1) * H)
    assert path.decide(eq(T, 2 * H - 2)) is True
    assert path.normalize(B) is B
    assert path.assume(eq(T + 2, 2 * H)) is path
    assert path.assume(eq(H, W)) is None


def test_what_goes_first_is_a_fresh_name_then_a_letter():
    letter = symbol("N", rank=LETTER)
    for path in (assume(eq(letter, B)), assume(eq(B, letter))):
        assert path.normalize(letter) == B and path.normalize(B) is B


def test_divisibility_prints_back():
    path = assume(divides(nh, C))
    head = path.normalize(C // nh)
    assert path.normalize(nh * head) == path.normalize(C)
    assert [path.display(size) for size in (C, nh * (C // nh), B * nh * head, C // nh, head + 1, C + 1)] == [
        "C", "C", "B*C", "C//n_head", "C//n_head + 1", "C + 1"]  # fmt: skip
    assert path.implies(ge(nh, 1))
    again = assume(divides(8, C), divides(12, C))
    assert again.implies(divides(24, C)) and again.display(again.normalize(C) // 8) == "C//8"
    assert again.assume(eq(C, 40)) is None
    assert again.assume(eq(C, 48)).normalize(C // 24) == 2


def test_unet_learns_multiples_of_four():
    for conds in itertools.permutations([eq(H, 2 * (H // 2)), eq(H // 2, 2 * (H // 4))]):
        path = assume(*conds)
        assert path.implies(divides(4, H)) and path.display(2 * (H // 2)) == "H"
        assert path.normalize(4 * (H // 4)) == path.normalize(H)
    assert str(assume(eq(H // 2, 2 * (H // 4))).normalize(H // 2)) == "2*(H//4)"


def test_lenet_keeps_its_obligation():
    path = assume(eq(16 * (H // 4 - 3) * (W // 4 - 3), 400))
    assert len(path.obligations) == 1
    assert path.assume(eq(H, 28)) is None
    square = path.assume(eq(H, 32))
    assert square.decide(eq(W, 32)) is None and square.bounds(W) == (32, 35)
    numbers = path.witness()
    assert (numbers[as_atom(H)] // 4, numbers[as_atom(W)] // 4) == (8, 8)


def test_a_factor_is_cancelled_where_the_path_knows_it_is_positive():
    assert EMPTY.normalize(H * T // H) == H * T // H
    assert assume(ne(H, 0)).normalize(H * T // H) == T
    assert assume(gt(B * H, 0), eq(B * T, B * C)).implies(eq(T, C))
    assert assume(eq(B * T, B * C)).decide(eq(T, C)) is None


@pytest.mark.parametrize(
    ("conds", "asked", "verdict"),
    [
        ([le(T, 1024), ge(T, 7), ne(T, 7)], gt(T, 7), True),
        ([ge(H // 2, 3)], ge(H, 6), True),
        ([lt(T, C)], le(C, T), False),
        ([lt(T, C)], le(T, C + 4), True),
        ([ge(T, C), ge(C, T)], eq(T, C), True),
        ([eq(B * T, 12)], eq(B, 0), False),
        ([eq(H // 2, 3)], le(H, 7), True),
        ([divides(k, H + T)], divides(k, H + T + 3 * k), True),
        ([ge(smin(H, W), 2)], ge(W, 2), True),
        ([eq(T - 1, W)], ge(T, 1), True),
    ],
)
def test_consequences(conds, asked, verdict):
    assert assume(*conds).decide(asked) is verdict


def test_contradictions():
    for conds in ([lt(T, C), lt(C, T)], [divides(8, C), eq(C, 63)], [ge(T, 5), lt(T, 5)], [eq(T + H + 1, T)]):
        path = EMPTY
        for cond in conds:
            path = path and path.assume(cond)
        assert path is None


def test_join_keeps_what_both_sides_hold():
    heads = assume(divides(nh, C))
    assert Knowledge.join(heads, heads) is heads
    assert Knowledge.join(heads, EMPTY) is EMPTY
    numbers = assume(eq(C, 64), eq(nh, 8))
    assert Knowledge.join(heads, numbers).implies(divides(nh, C))
    assert Knowledge.join(assume(eq(H, 8)), assume(eq(H, 16))).bounds(H) == (8, 16)
    assert Knowledge.join(assume(eq(H, C), eq(W, C)), assume(eq(H, T), eq(W, T))).implies(eq(H, W))
    assert Knowledge.join(heads.assume(eq(H, W)), heads.assume(ge(H, 1))).rewrites == heads.rewrites


def test_witness_is_small_and_distinct():
    path = assume(divides(nh, C), lt(T, 40))
    numbers = path.witness([as_atom(B)])
    assert len(set(numbers.values())) == len(numbers) == 5 and min(numbers.values()) > 1
    assert numbers[as_atom(C)] % numbers[as_atom(nh)] == 0
    assert assume(eq(B * T, 1)).witness() == {as_atom(B): 1, as_atom(T): 1}
    assert assume(ne(H * H, 2 * T * T), eq(H * H + 1, 3 * T * T)).witness() is None


# --- fuzz -------------------------------------------------------------------------------------------------------------

SYMBOLS = [Symbol("H"), Symbol("W", rank=LETTER), Symbol("n", low=1), Symbol("i", low=None)]
NAMES = {atom.name: as_size(atom) for atom in SYMBOLS}
BUILD = {"+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod,
         "min": smin, "max": smax, "ceil_div": ceil_div}  # fmt: skip
COMPARE = {"==": operator.eq, "!=": operator.ne, "<=": operator.le, "<": operator.lt, ">=": operator.ge,
           ">": operator.gt, "divides": lambda d, n: d != 0 and n % d == 0,
           "not divides": lambda d, n: d == 0 or n % d != 0}  # fmt: skip
GRID = list(itertools.product(range(9), range(9), range(1, 6), (-3, 0, 2)))


def random_size(rng: random.Random, depth: int):
    """A size and the same as a plain function of H, W, n, i; None where Python divides by the number 0."""
    text = _random_text(rng, depth)
    plain = eval(f"lambda H, W, n, i: {text}", {"ceil_div": lambda a, b: -(-a // b)})
    try:
        return eval(text, {**NAMES, "min": smin, "max": smax, "ceil_div": ceil_div}), _or_none(plain)
    except ZeroDivisionError:
        return None


def _random_text(rng: random.Random, depth: int) -> str:
    if depth == 0 or rng.random() < 0.2:
        return rng.choice("HWnHWni") if rng.random() < 0.7 else f"({rng.randint(-3, 9)})"
    a, b = _random_text(rng, depth - 1), _random_text(rng, depth - 1)
    op = rng.choice(list(BUILD))
    return f"{op}({a}, {b})" if op.isidentifier() else f"({a} {op} {b})"


def _or_none(function):
    def value(numbers):
        try:
            return function(*numbers)
        except ZeroDivisionError:
            return None

    return value


def number(size, numbers) -> int:
    env = dict(zip(SYMBOLS, numbers, strict=True))
    for atom in symbols(size):
        if isinstance(atom.key, Quotient):
            env[atom] = evaluate(atom.key.of, env)
    return evaluate(size, env)


def random_numbers(rng: random.Random) -> tuple[int, ...]:
    most = rng.choice((3, 8, 70))
    return rng.randint(0, most), rng.randint(0, most), rng.randint(1, most), rng.randint(-most, most)


def test_fuzz_sizes_and_comparisons():
    rng = random.Random(20251125)
    count = Counter()
    while count["sizes"] < 20_000 or count["verdicts"] < 20_000:
        one, two = random_size(rng, 3), random_size(rng, rng.choice((0, 1, 3, 3)))
        if one is None or two is None or one[0] is UNKNOWN or two[0] is UNKNOWN:
            continue
        (a, plain_a), (b, plain_b) = one, two
        verdicts = {kind: decide(kind, a, b) for kind in ("==", "<=", "<", "divides")}
        count["sizes"] += 2
        within = bounds(a), bounds(b)
        for _ in range(3 if set(verdicts.values()) == {None} else 9):
            numbers = random_numbers(rng)
            x, y = plain_a(numbers), plain_b(numbers)
            for size, value, (low, high) in zip((a, b), (x, y), within, strict=True):
                if value is not None:
                    count["evaluations"] += 1
                    assert number(size, numbers) == value, (size, numbers)
                    assert (low is None or low <= value) and (high is None or value <= high), (size, low, high, numbers)
            if x is not None and y is not None:
                for kind, verdict in verdicts.items():
                    if verdict is not None:
                        count["verdicts"] += 1
                        assert verdict == COMPARE[kind](x, y), (kind, a, b, numbers)
        if count["sizes"] % 10 == 0:
            assert parse_size(str(a), NAMES.__getitem__) == a
    assert count["evaluations"] > 40_000


def random_path(rng: random.Random):
    """A path that some numbers take, its conditions, and all numbers of the grid that take it."""
    chosen = rng.choice(GRID)
    path, conds = EMPTY, []
    for _ in range(rng.randint(1, 4)):
        one, two = random_size(rng, 2), random_size(rng, rng.choice((0, 0, 1, 2)))
        if one is None or two is None or one[1](chosen) is None or two[1](chosen) is None:
            continue
        true = [kind for kind, holds in COMPARE.items() if holds(one[1](chosen), two[1](chosen))]
        kind = rng.choice([kind for kind in true if kind in ("==", "divides")] or true)
        conds.append((kind, one[1], two[1], f"{one[0]} {kind} {two[0]}"))
        path = path.assume(compare(kind, one[0], two[0]))
        assert path is not None, (chosen, [text for *_, text in conds])
    return path, conds, [numbers for numbers in GRID if all(meets(cond, numbers) for cond in conds)]


def meets(cond, numbers) -> bool:
    kind, a, b, _ = cond
    x, y = a(numbers), b(numbers)
    return x is not None and y is not None and COMPARE[kind](x, y)


def check_path(rng: random.Random, path: Knowledge, admitted, told, count: Counter) -> None:
    for _ in range(5):
        one, two = random_size(rng, 3), random_size(rng, 1)
        if one is None or two is None or one[0] is UNKNOWN or two[0] is UNKNOWN:
            continue
        (a, plain_a), (b, plain_b) = one, two
        forms = path.normalize(a), path.readable(a)
        count["normalized"] += forms[0] is not a
        verdicts = {kind: path.decide(Cond(kind, a, b)) for kind in ("==", "<=", "<", "divides")}
        low, high = path.bounds(a)
        for numbers in rng.sample(admitted, min(len(admitted), 8)):
            x, y = plain_a(numbers), plain_b(numbers)
            if x is None:
                continue
            count["evaluations"] += 1
            for form in forms:
                assert number(form, numbers) == x, (told, a, form, numbers)
            assert (low is None or low <= x) and (high is None or x <= high), (told, a, low, high, numbers)
            for kind, verdict in verdicts.items():
                if verdict is not None and y is not None:
                    count["verdicts"] += 1
                    assert verdict == COMPARE[kind](x, y), (told, kind, a, b, numbers)


def test_fuzz_knowledge():
    rng = random.Random(7)
    count = Counter()
    for _ in range(220):
        path, conds, admitted = random_path(rng)
        told = [text for *_, text in conds]
        check_path(rng, path, admitted, told, count)
        witness = path.witness(SYMBOLS)
        if witness is not None:
            count["witnesses"] += 1
            assert all(meets(cond, [witness[atom] for atom in SYMBOLS]) for cond in conds), (told, witness)
        other, more, also_admitted = random_path(rng)
        joined = Knowledge.join(path, other)
        check_path(rng, joined, admitted[:40] + also_admitted[:40], (told, "or", [c[3] for c in more]), count)
    assert count["witnesses"] > 200 and count["evaluations"] > 10_000 and count["verdicts"] > 5_000
    assert count["normalized"] > 50
