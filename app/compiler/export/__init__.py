"""Graphs as Python programs that run without Graphwright."""

from app.compiler.export.program import Children, export_python

__all__ = ["Children", "export_python"]
