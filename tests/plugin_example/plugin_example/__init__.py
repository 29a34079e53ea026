"""A plugin for Tensight, to be copied: an operator, a rule about it, and a model of a package."""

from pathlib import Path

from tensight_analyzer.plugin import Plugin

from plugin_example.ops import double_last
from plugin_example.rules import DoubleTwice

plugin = Plugin(
    "example",
    ops=(double_last,),
    rules=(DoubleTwice,),
    modules={"widgets": str(Path(__file__).with_name("widgets_model.py"))},
)
