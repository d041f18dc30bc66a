"""The built-in node types; importing this package registers them."""

from app.compiler.nodes.approval import approval_node
from app.compiler.nodes.condition import condition_node
from app.compiler.nodes.delay import delay_node
from app.compiler.nodes.http import http_node
from app.compiler.nodes.input import input_node
from app.compiler.nodes.llm import llm_node
from app.compiler.nodes.map import map_node
from app.compiler.nodes.output import output_node
from app.compiler.nodes.subworkflow import subworkflow_node
from app.compiler.nodes.tool import tool_node
from app.compiler.nodes.transform import transform_node

__all__ = [
    "approval_node",
    "condition_node",
    "delay_node",
    "http_node",
    "input_node",
    "llm_node",
    "map_node",
    "output_node",
    "subworkflow_node",
    "tool_node",
    "transform_node",
]
