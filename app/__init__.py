"""Graphwright: store a graph, get a durable LangGraph run, watch it live."""
