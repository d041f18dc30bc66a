"""The compiler: stored graphs become LangGraph programs. Pure: no database, no web, no queue."""

from app.compiler.compiler import CompiledWorkflow, CompileError, Inspection, WorkflowGraphCompiler, plan_of
from app.compiler.context import NodeContext, RunInfo
from app.compiler.failures import HardError, RetryableError
from app.compiler.registry import NodeType, Registry, node_type, tool
from app.compiler.resources import Resources
from app.compiler.turns import Outcome, RunContext

__all__ = [
    "CompileError",
    "CompiledWorkflow",
    "HardError",
    "Inspection",
    "NodeContext",
    "NodeType",
    "Outcome",
    "Registry",
    "Resources",
    "RetryableError",
    "RunContext",
    "RunInfo",
    "WorkflowGraphCompiler",
    "node_type",
    "plan_of",
    "tool",
]
