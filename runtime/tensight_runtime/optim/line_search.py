"""A step size that meets the strong Wolfe conditions.

Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6.
"""

import math


def strong_wolfe(evaluate, step, direction, loss, grad, slope, c1=1e-4, c2=0.9, tolerance=1e-9, max_steps=25):
    """`evaluate(step)` gives loss and gradient there.  Returns loss, gradient, step and the number of evaluations."""
    longest = direction.abs().max().item()
    new_loss, new_grad = evaluate(step)
    new_slope = new_grad.dot(direction).item()
    evaluations = 1
    before = (0.0, loss, grad.clone(), slope)
    low, high = None, None
    rounds = 0
    while rounds < max_steps:
        now = (step, new_loss, new_grad.clone(), new_slope)
        if new_loss > loss + c1 * step * slope or (rounds > 1 and new_loss >= before[1]):
            low, high = before, now
            break
        if abs(new_slope) <= -c2 * slope:
            return new_loss, new_grad, step, evaluations
        if new_slope >= 0:
            low, high = before, now
            break
        least, most = step + 0.01 * (step - before[0]), step * 10
        step = _cubic(before, now, least, most)
        before = now
        new_loss, new_grad = evaluate(step)
        evaluations += 1
        new_slope = new_grad.dot(direction).item()
        rounds += 1
    if rounds == max_steps:
        low, high = (0.0, loss, grad, slope), (step, new_loss, new_grad, new_slope)
    return _zoom(
        evaluate, direction, loss, slope, low, high, c1, c2, tolerance, max_steps, rounds, longest, evaluations
    )


def _zoom(evaluate, direction, loss, slope, first, second, c1, c2, tolerance, max_steps, rounds, longest, evaluations):
    """Narrow the bracket between two steps; `low` is the better one."""
    low, high = (first, second) if first[1] <= second[1] else (second, first)
    stuck = False
    while rounds < max_steps:
        if abs(high[0] - low[0]) * longest < tolerance:
            break
        left, right = min(low[0], high[0]), max(low[0], high[0])
        step = _cubic(low, high, left, right)
        # Near an end of the bracket twice in a row: move inwards by a tenth.
        margin = 0.1 * (right - left)
        if min(right - step, step - left) < margin:
            if stuck or step >= right or step <= left:
                step = right - margin if abs(step - right) < abs(step - left) else left + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        new_loss, new_grad = evaluate(step)
        evaluations += 1
        new_slope = new_grad.dot(direction).item()
        rounds += 1
        now = (step, new_loss, new_grad.clone(), new_slope)
        if new_loss > loss + c1 * step * slope or new_loss >= low[1]:
            high = now
            low, high = (low, high) if low[1] <= high[1] else (high, low)
        else:
            if abs(new_slope) <= -c2 * slope:
                low = now
                break
            if new_slope * (high[0] - low[0]) >= 0:
                high = low
            low = now
    return low[1], low[2], low[0], evaluations


def _cubic(a, b, least, most):
    """The minimum of the cubic through two points with their slopes, kept within [least, most]."""
    if a[0] > b[0]:
        a, b = b, a
    (x1, f1, _, g1), (x2, f2, _, g2) = a, b
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1**2 - g1 * g2
    if square < 0:
        return (least + most) / 2.0
    d2 = math.sqrt(square)
    return min(max(x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2)), least), most)
