"""One verdict over all samples of an operator, with a table of differences that have a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tensight_runtime.spec.op import Op

Check = Callable[[Op, str], str | None]


def judge(differs: dict[tuple[str, str], str], aspect: str, op: Op, samples: Iterable[str], check: Check) -> None:
    """Run `check(op, sample)`, which says what is wrong, on each sample.

    `differs` maps (aspect, operator or sample) to the reason why it may differ; one that no longer differs fails.
    """
    wrong = {}
    for sample in samples:
        try:
            found = check(op, sample)
        except Exception as error:  # noqa: BLE001
            found = f"{type(error).__name__}: {error}"
        if found:
            wrong[sample] = found
    whole = (aspect, op.name) in differs
    agreeing = [s for s in samples if (aspect, s) in differs and s not in wrong]
    assert not agreeing, f"equal now, the table of differences can do without {agreeing}"
    assert wrong or not whole, f"equal now, the table of differences can do without {op.name}"
    left = {} if whole else {sample: found for sample, found in wrong.items() if (aspect, sample) not in differs}
    assert not left, "\n".join(f"{sample}: {found}" for sample, found in left.items())
