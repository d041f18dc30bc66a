"""Measures Graphwright beside plain LangGraph, on the same graphs, in one run."""
