"""Examples in the JSON Schema of a graph."""

from typing import Any

from app.schemas.common import JsonObject

CONFIGS: dict[str, list[Any]] = {
    "input": [{"schema": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}}],
    "output": [{"value": "{{ score.output }}"}, {}],
    "transform": [{"value": {"total": "{{ input.price * input.count }}", "text": "for {{ input.name }}"}}],
    "condition": [{"branches": [{"name": "high", "when": "score.output.value >= 0.8"}], "default": "low"}],
    "http": [
        {"url": "https://api.example.com/users/{{ input.user }}", "headers": {"Authorization": "{{ secrets.token }}"}},
        {"method": "POST", "url": "https://api.example.com/orders", "json": {"items": "{{ input.items }}"}},
    ],
    "llm": [
        {"model": "openai:gpt-5.5", "system": "Answer in one word.", "prompt": "Is this spam?\n\n{{ input.text }}"},
        {
            "model": "anthropic:claude-sonnet-5",
            "prompt": "{{ input.text }}",
            "schema": {"type": "object", "required": ["spam"], "properties": {"spam": {"type": "boolean"}}},
        },
    ],
    "map": [
        {
            "items": "{{ input.users }}",
            "concurrency": 5,
            "on_item_error": "collect",
            "node": {"type": "http", "config": {"url": "https://api.example.com/users/{{ item.id }}"}},
        },
        {"items": "{{ input.texts }}", "workflow": "Summarise", "input": {"text": "{{ item }}"}},
    ],
    "subworkflow": [{"workflow": "Summarise", "input": {"text": "{{ input.text }}"}}],
    "approval": [
        {
            "prompt": "Publish this? {{ draft.output.text }}",
            "schema": {"type": "boolean"},
            "timeout": 86400,
            "on_timeout": False,
        }
    ],
    "delay": [{"seconds": 60}, {"until": "2030-01-31T08:00:00Z"}],
}

GRAPHS: list[JsonObject] = [
    {
        "nodes": [
            {"id": "start", "type": "input"},
            {"id": "double", "type": "transform", "config": {"value": "{{ input.n * 2 }}"}},
            {"id": "result", "type": "output", "config": {"value": "{{ double.output }}"}},
        ],
        "edges": [{"source": "start", "target": "double"}, {"source": "double", "target": "result"}],
    },
    {
        "nodes": [
            {
                "id": "fetch",
                "type": "http",
                "config": {"url": "https://api.example.com/users/{{ input.user }}"},
                "retry": {"max_attempts": 3},
                "timeout": 30,
            },
            {
                "id": "triage",
                "type": "condition",
                "config": {"branches": [{"name": "vip", "when": "fetch.output.json.points > 100"}], "default": "other"},
            },
            {"id": "call", "type": "approval", "config": {"prompt": "Call {{ fetch.output.json.name }}?"}},
            {"id": "mail", "type": "transform", "config": {"value": "Dear {{ fetch.output.json.name }}"}},
            {"id": "sorry", "type": "transform", "config": {"value": "{{ fetch.error.message }}"}},
        ],
        "edges": [
            {"source": "fetch", "target": "triage"},
            {"source": "fetch", "target": "sorry", "on": "error"},
            {"source": "triage", "target": "call", "branch": "vip"},
            {"source": "triage", "target": "mail", "branch": "other"},
        ],
    },
    {
        "nodes": [
            {"id": "first", "type": "transform", "config": {"value": "{{ input.n }}"}},
            {
                "id": "improve",
                "type": "transform",
                "config": {"value": "{{ (improve.output or first.output) + 1 }}"},
                "writes": {"seen": "{{ output }}"},
                "max_iterations": 10,
            },
            {"id": "result", "type": "output", "config": {"value": "{{ state.seen }}"}},
        ],
        "edges": [
            {"source": "first", "target": "improve"},
            {"source": "improve", "target": "improve", "condition": "output < 5"},
            {"source": "improve", "target": "result", "condition": "else"},
        ],
        "state": {"seen": {"reducer": "append", "default": []}},
    },
]
