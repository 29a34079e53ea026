"""How an evaluation ends."""

from tensight_analyzer.interp.signals import OverBudget


class Stopped(OverBudget):
    """The evaluation ends here, calmly."""
