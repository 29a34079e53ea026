"""torch.nn.functional.triplet_margin_with_distance_loss: it calls a function of the user's, so it is no operator."""

import tensight_runtime as torch


def triplet_margin_with_distance_loss(
    anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False, reduction="mean"
):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin); all [N, D]."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance = torch.nn.functional.pairwise_distance if distance_function is None else distance_function
    if anchor.ndim != positive.ndim or anchor.ndim != negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    to_positive = distance(anchor, positive)
    to_negative = distance(anchor, negative)
    if swap:
        # The negative may also be nearer to the positive than to the anchor.
        to_negative = torch.minimum(to_negative, distance(positive, negative))
    loss = torch.clamp_min(margin + to_positive - to_negative, 0)
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()
