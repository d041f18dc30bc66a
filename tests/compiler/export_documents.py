"""Graphs and expressions that touch every part of the language, to be exported and run."""

from tests.compiler.flow import graph, node


def tool(name: str, **args: object) -> dict[str, object]:
    return {"tool": f"ref.{name}", "args": args}


def branch(when: str, name: str = "yes", default: str = "no") -> dict[str, object]:
    return {"branches": [{"name": name, "when": when}], "default": default}


def failing(name: str, **more: object) -> dict[str, object]:
    return node(name, "tool", config=tool("fail", message="broken"), **more)


LOOP = [("start", "a"), ("a", "b"), ("b", "a", {"condition": "loop.iteration < 2"}), ("b", "c", {"condition": "else"})]
COUNT = node("a", config={"value": "{{ (b.output.n|default(0)) + 1 }}"})

DOCUMENTS = {
    "a chain": graph([node("a", "input"), node("b", config={"value": "{{ a.output.n * 2 }}"})], ("a", "b")),
    "a choice": graph(
        [node("a", "condition", config=branch("input.n > 2")), node("b"), node("c"), node("d", "output")],
        ("a", "b", {"branch": "yes"}), ("a", "c", {"branch": "no"}), ("b", "d"), ("c", "d"),
    ),
    "a condition and else": graph(
        [node("a", "input"), node("b"), node("c"), node("d", "output", config={"value": "{{ c.output }}"})],
        ("a", "b", {"condition": "input.n > 2"}), ("a", "c", {"condition": "else"}), ("b", "d"), ("c", "d"),
    ),
    "branches side by side": graph(
        [node("a"), node("b"), node("c"), node("d", "output")], ("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")
    ),
    "several true conditions": graph(
        [node("a"), node("b"), node("c"), node("d")],
        ("a", "b", {"condition": "input.n > 0"}), ("a", "c", {"condition": "input.n > 1"}), ("b", "d"), ("c", "d"),
    ),
    "branches of different length": graph(
        [node("a"), node("b"), node("c"), node("d"), node("e", config={"value": "{{ d.status }}{{ c.output }}"})],
        ("a", "b"), ("b", "c"), ("a", "d", {"condition": "input.n > 9"}), ("c", "e"), ("d", "e"),
    ),
    "join all": graph(
        [node("a"), node("b"), node("c"), node("d", join="all")],
        ("a", "b"), ("a", "c", {"condition": "input.n > 9"}), ("b", "d"), ("c", "d"),
    ),
    "join first": graph(
        [node("a"), node("b", "delay", config={"seconds": 0.05}), node("c", join="first"), node("d", "output")],
        ("a", "b"), ("a", "c"), ("b", "c"), ("c", "d"),
    ),
    "an error edge": graph(
        [failing("a"), node("b"), node("c", config={"value": "{{ a.error.type }}: {{ a.error.message }}"})],
        ("a", "b"), ("a", "c", {"on": "error"}),
    ),
    "on_error continue": graph(
        [failing("a", on_error="continue"), node("b", config={"value": ["{{ a.output }}", "{{ a.error.retryable }}"]})],
        ("a", "b"),
    ),
    "an unhandled failure": graph([failing("a"), node("b"), node("c"), node("d")], ("a", "b"), ("c", "d")),
    "a condition that cannot be evaluated": graph([node("a"), node("b")], ("a", "b", {"condition": "input.nothing"})),
    "a loop": graph([node("start"), COUNT, node("b", config={"value": {"n": "{{ a.output }}"}}), node("c")], *LOOP),
    "a loop past its limit": graph(
        [node("start"), node("a", max_iterations=3), node("b"), node("c")],
        ("start", "a"), ("a", "b"), ("b", "a", {"condition": "true"}), ("b", "c"),
    ),
    "a node called like a loop": graph(
        [node("a"), node("b"), node("loop_a"), node("a-loop")],
        ("a", "b"), ("b", "a", {"condition": "loop.iteration < 1"}), ("b", "loop_a"), ("loop_a", "a-loop"),
        entry="a",
    ),
    "a loop in a loop": graph(
        [node("start"), node("a"), node("b", config={"value": "{{ loop.iteration }}"}), node("c"), node("d", "output")],
        ("start", "a"), ("a", "b"), ("b", "b", {"condition": "loop.iteration < 2"}), ("b", "c"),
        ("c", "a", {"condition": "loop.iteration < 1"}), ("c", "d"),
    ),
    "an entry": graph(
        [node("a"), node("b")], ("a", "b"), ("b", "a", {"condition": "loop.iteration < 1"}), entry="a"
    ),
    "state": graph(
        [
            node("a", writes={"sum": "{{ input.n }}", "log": "{{ output }}", "last": "a", "all": {"a": "{{ 1 + 1 }}"}}),
            node("b", writes={"sum": 10, "log": "b", "last": "b", "all": {"b": 1}}),
            node("c", config={"value": "{{ state }}"}),
        ],
        ("a", "b"), ("b", "c"),
        state={
            "sum": {"reducer": "add", "default": 1}, "log": {"reducer": "append"}, "last": {"default": None},
            "all": {"reducer": "merge", "default": {"z": 0}},
        },
    ),
    "state that does not fit": graph(
        [node("a", writes={"sum": "text"}), node("b", config={"value": "{{ state.sum }}"})], ("a", "b"),
        state={"sum": {"reducer": "add", "default": 1}},
    ),
    "several outputs": graph(
        [node("a"), node("b", "output"), node("c", "output", config={"value": 3}), node("d", "output")],
        ("a", "b"), ("a", "c"), ("a", "d", {"condition": "input.n > 9"}),
    ),
    "odd ids": graph(
        [
            node("größe"), node("a:b|c"), {**node("1"), "name": "First one"}, node("class"),
            node("say \"hi\" it's \\ok\n"),
            node("input", config={"value": "{{ nodes['größe'].output }}{{ nodes['1'].status }}"}), node("__end__"),
            node("see"), node("🙂", "output", config={"value": ["{{ nodes['see'].output }}", "{{ input.n }}"]}),
        ],
        ("größe", "a:b|c"), ("a:b|c", "1"), ("1", "class"), ("class", "say \"hi\" it's \\ok\n"),
        ("say \"hi\" it's \\ok\n", "input"), ("input", "__end__"), ("__end__", "see"), ("see", "🙂"),
    ),
    "nodes by key": graph(
        [node("a"), node("b", config={"value": "{{ nodes[input.key].output }}{{ nodes|length }}"}), node("c")],
        ("a", "b"), ("b", "c"),
    ),
    "long texts": graph(
        [node("a", config={"value": {"long": "a {{ input.n }} " * 20, "list": ["word " * 40], "lines": "x y\n" * 40}})]
    ),
    "no branch": graph([node("a", "condition", config={"branches": [{"name": "x", "when": "input.n > 9"}]})]),
    "a timeout": graph(
        [node("a", "delay", config={"seconds": 30}, timeout=0.05), node("b", config={"value": "{{ a.error.type }}"})],
        ("a", "b", {"on": "error"}),
    ),
    "retries": graph(
        [
            node("a", "delay", config={"seconds": 9}, timeout=0.02, retry={"max_attempts": 3, "initial_interval": 0}),
            node("b", config={"value": "{{ a.error.retryable }}"}),
        ],
        ("a", "b", {"on": "error"}),
    ),
    "wrong arguments": graph([node("a", "tool", config=tool("check", value=1, fail="{{ input.key }}", message="m"))]),
}  # fmt: skip
VALUE = {"n": 3, "key": "a", "list": [1, 2.0, "x"], "name": "<Ann & 'Bob'>", "none": None, "rows": [{"n": 1}, {"n": 2}]}

EXPRESSIONS = [
    "{{ input.n }}", "{{ input.n + 1 }}", "{{ 1.0 }}", "{{ 6 / 2 }}", "{{ [1.0, input.list] }}", "{{ input.none }}",
    "{{ input.nothing }}", "{{ [input.nothing] }}", "{{ {'a': input.nothing.deep} }}", "{{ input.nothing|default(4) }}",
    "{{ input.nothing is defined }}", "{{ [input.none.deep] }}", "{{ input.list[7] }}", "{{ input.list[1] }}",
    "{{ input['name'] }}", "{{ input.rows|map(attribute='n')|list }}", "{{ input.rows|map(attribute='zz')|list }}",
    "{{ input.rows|selectattr('n', '>', 1)|list }}", "{{ input|tojson }}", "{{ input.list|map('tojson')|list }}",
    "{{ '[1, 2]'|fromjson }}", "{{ '{'|fromjson }}", "{{ input.name|replace('Ann', 'Eve') }}", "{{ 'a\nb'|indent(2) }}",
    "{{ '%s is %d'|format('n', input.n) }}", "n: {{ input.n }}, {{ input.none }}, {{ input.list }}, {{ 1 == 1 }}",
    "see input.nothing: {{ input.n }}", "{% for r in input.rows %}{{ r.n }};{% endfor %}", "{{ input.name }}!\n",
    "{% for r in input.rows %}{{ r.zz }}{% endfor %}", "{% raw %}{{ x.y }}{% endraw %}{# {{ no.no }} #}{{ input.n }}",
    "{% set u = input.rows[0] %}{{ u.n }}{{ u.n is defined }}", "{{ 'a' in input.list }}", "{{ 'x' in input.list }}",
    "{{ input.name|upper }} {{ 'it.is.text' }}", "{{ input.n if input.n > 2 else input.nothing }}", "{{ none }}",
    "{{ input.rows[0].n == 1 and not input.none }}", "{{ 2 ** 70 }}", "{{ input.items }}",
    "{{ input.items|default([]) }}", "{{ input.keys is defined }}", "{{ input.rows[0]|items }}",
    "{{ input.rows[0].values }}", "{{ run.attempt }}", "{{ range(3)|list }}",
    "{{ input.n ~ '' }}", "{{ input.list|join(', ') }}", "{{ loop.iteration }}", "{{- input.n -}}", '{{ "a\\"b.c" }}',
]  # fmt: skip
