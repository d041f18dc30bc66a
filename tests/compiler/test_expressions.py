"""What templates and conditions mean, and what they cannot do."""

import copy
import json
import math
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from app.compiler.expressions import (
    ExpressionError,
    Reference,
    SyntaxProblems,
    parse_condition,
    parse_template,
)

SCOPE: dict[str, Any] = {
    "input": {
        "name": "Bob",
        "html": "<a & 'b'>",
        "none": None,
        "yes": True,
        "whole": 1.0,
        "big": 2**70,
        "huge": 10**50,
        "tags": ["a", "b"],
        "floats": [1.0, 2.5],
        "rows": [{"n": 1, "s": "x"}, {"n": 2, "s": "y"}],
        "nul": "a\0b",
    },
    "fetch": {"output": {"user": {"id": 1, "email": "e"}}, "status": "COMPLETED"},
    "nodes": {"a b": {"output": 5}, "input": {"output": 6}},
}


def render(source: Any, scope: dict[str, Any] | None = None) -> Any:
    return parse_template(source).render(SCOPE if scope is None else scope)


def error_of(source: Any, scope: dict[str, Any] | None = None) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        render(source, scope)
    return caught.value


def refusal_of(source: Any) -> list[tuple[str, str]]:
    with pytest.raises(SyntaxProblems) as caught:
        parse_template(source)
    return caught.value.found


@pytest.mark.spec("EXPR-1")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ input.tags }}", ["a", "b"]),
        ("  {{ input.rows[0] }}\n", {"n": 1, "s": "x"}),
        ("{{ input.none }}", None),
        ("{{ input.yes }}", True),
        ("{{ input.huge }}", 10**50),
        ("{{ input.big * 2 }}", 2**71),
        ("{{ {'a': {'b': 1}} }}", {"a": {"b": 1}}),
        ("{{ input.rows|map(attribute='n')|list }}", [1, 2]),
        ("{{ input.rows|selectattr('n', '>', 1)|list }}", [{"n": 2, "s": "y"}]),
        ("{{ input.tags == ['a', 'b'] }}", True),
        ("{{ 'a' in input.tags }}", True),
        ("{{- input.tags|length -}}", 2),
        ("{{ nodes['a b'].output + 1 }}", 6),
        ("{{ nodes['input'].output }}", 6),
    ],
)
def test_one_expression_gives_its_own_value(source: str, expected: object) -> None:
    result = render(source)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.spec("EXPR-2")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ input.whole }}", "1.0"),
        ("{{ input.whole + 1 }}", "2.0"),
        ("{{ 1.0 }}", "1.0"),
        ("{{ 1 }}", "1"),
        ("{{ [1.0, 1, input.floats, {'x': 2.0}] }}", '[1.0, 1, [1.0, 2.5], {"x": 2.0}]'),
    ],
)
def test_a_float_stays_a_float(source: str, expected: str) -> None:
    assert json.dumps(render(source)) == expected


@pytest.mark.spec("EXPR-3")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("hi {{ input.name }}!", "hi Bob!"),
        ("{{ input.none }} {{ input.yes }} {{ input.whole }} {{ input.tags }}", 'null true 1.0 ["a", "b"]'),
        ("{{ input.name|upper }} {{ none }} {{ true }} {{ input.tags }}", 'BOB null true ["a", "b"]'),
        ("{% for t in input.tags %}{{ t }}{{ loop.index }},{% endfor %}", "a1,b2,"),
        ("{% raw %}{{ x }}{% endraw %}{# {{ y }} #}", "{{ x }}"),
        ("a {{ 1 }}\n", "a 1\n"),
        ("{% for t in input.tags -%}  {{ t }}{% endfor %}", "ab"),
    ],
)
def test_any_other_string_gives_text(source: str, expected: str) -> None:
    assert render(source) == expected


@pytest.mark.spec("EXPR-4")
def test_strings_are_rendered_at_any_depth_and_names_never() -> None:
    source = {"{{ input.name }}": ["x", {"y": "{{ input.name }}", "z": 1}], "k": None}
    before = copy.deepcopy(source)
    assert render(source) == {"{{ input.name }}": ["x", {"y": "Bob", "z": 1}], "k": None}
    assert source == before


@pytest.mark.spec("EXPR-5")
def test_a_value_without_templates_is_constant() -> None:
    value = {"value": {"v": 1, "t": "{ no template }"}}
    template = parse_template(value)
    assert template.is_constant
    assert template.render({}) is value
    assert not parse_template("{{ input.x }}").is_constant


@pytest.mark.spec("EXPR-6")
@pytest.mark.parametrize(
    "source",
    [
        "{{ fetch.output.user.name }}",
        "{{ fetch.output.user.name|upper }}",
        "{{ [fetch.output.user.name] }}",
        "{{ fetch.output.user.name is none }}",
        "{{ fetch.output.user.name ~ '' }}",
        "x {{ fetch.output.user.name }}",
        "{% if fetch.output.user.name %}{% endif %}",
        "{% set u = fetch.output.user %}{{ u.name }}",
    ],
)
def test_a_missing_field_is_an_error_that_names_it_and_what_was_there(source: str) -> None:
    message = error_of(source).message
    assert source in message
    assert "`fetch.output.user` has no field `name`; it has: id, email" in message


@pytest.mark.spec("EXPR-6")
@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("{{ nowhere.x }}", "there is no `nowhere` here; there are: input, fetch, nodes"),
        ("{{ nowhere + 1 }}", "there is no `nowhere` here"),
        ("{{ input.tags[7] }}", "`input.tags` is a list of 2; it has no item `7`"),
        ("{{ input.name.first }}", "`input.name` is a text"),
        ("{{ nodes['zz'].output }}", "`nodes` has no field `zz`; it has: a b, input"),
        ("{% for r in input.rows %}{{ r.zz }}{% endfor %}", "`input.rows[0]` has no field `zz`"),
        ("{{ input.rows|map(attribute='zz')|list }}", "item 0 of a list has no `zz`"),
        ("{{ items }}", "there is no `items` here"),
        ("{{ input.items }}", "`input` has no field `items`"),
    ],
)
def test_what_is_missing_is_said(source: str, part: str) -> None:
    assert part in error_of(source).message


@pytest.mark.spec("EXPR-7")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ fetch.output.zz is defined }}", False),
        ("{{ fetch.output.zz is not defined }}", True),
        ("{{ fetch.output.zz is undefined }}", True),
        ("{{ fetch.output.zz|default(3) }}", 3),
        ("{{ fetch.output.zz | d('x') }}", "x"),
        ("{{ input.items is defined }}", False),
        ("{{ fetch.output.user is defined }}", True),
    ],
)
def test_defined_and_default_ask_without_an_error(source: str, expected: object) -> None:
    assert render(source) == expected


@pytest.mark.spec("EXPR-8")
@pytest.mark.parametrize("source", ["{{ input.none.x }}", "{{ input.none.x + 1 }}", "a{{ input.none.x|upper }}"])
def test_a_field_of_null_is_an_error_that_says_null(source: str) -> None:
    assert "`input.none` is null" in error_of(source).message


@pytest.mark.spec("EXPR-9")
def test_all_problems_are_reported_with_pointer_and_line() -> None:
    found = refusal_of({"a": ["x", "one\n{{ 1 + }}", {"b/c~": "{% foo %}"}], "d": "{{ 1|nothing }}"})
    assert [pointer for pointer, _ in found] == ["/a/1", "/a/2/b~1c~0", "/d"]
    assert "line 2" in found[0][1]
    assert "no filter `nothing`" in found[2][1]


@pytest.mark.spec("EXPR-9")
@pytest.mark.parametrize(
    "source",
    [
        "{{",
        "{{ a",
        "{%",
        "{#",
        "{{ 'a }}",
        "{{ (1 }}",
        "{{ }}",
        "{{ a b }}",
        "{% if a %}",
        "{% endif %}",
        "{% else %}",
        "{% endfor %}",
        "{% for x %}{% endfor %}",
        "{{ 1) or (2 }}",
        "{{ a is nothing }}",
        "{{ a� }}",
        "{{ ? }}",
    ],
)
def test_what_cannot_be_read_is_refused(source: str) -> None:
    assert len(refusal_of(source)) == 1


@pytest.mark.spec("EXPR-10")
@pytest.mark.parametrize("text", ["input.rows[0].n < 2", "{{ input.rows[0].n < 2 }}", " input.tags ", "input.yes"])
def test_a_condition_is_bare_or_wrapped_once(text: str) -> None:
    assert parse_condition(text).evaluate(SCOPE) is True


@pytest.mark.spec("EXPR-10")
@pytest.mark.parametrize("text", ["", "a and", "x {{ y }}", "{{ a }} {{ b }}", "a }} {{ b", "1) or (2"])
def test_a_condition_is_one_expression(text: str) -> None:
    with pytest.raises(SyntaxProblems) as caught:
        parse_condition(text)
    assert [pointer for pointer, _ in caught.value.found] == [""]


@pytest.mark.spec("EXPR-10")
@pytest.mark.parametrize("text", ["input.none", "0", "''", "[]", "{}", "input.name == 'x'"])
def test_empty_values_are_false(text: str) -> None:
    assert parse_condition(text).evaluate(SCOPE) is False


def test_the_value_of_a_condition_is_the_expressions_own() -> None:
    assert parse_condition("input.tags|length").value(SCOPE) == 2


def read(root: str, *path: str, node: str | None = None, dynamic: bool = False) -> Reference:
    return Reference(root, node, path, dynamic)


@pytest.mark.spec("EXPR-11")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ nodes['a.b'].output.c }}", {read("nodes", "output", "c", node="a.b")}),
        ('{{ nodes["x"].output }}', {read("nodes", "output", node="x")}),
        ("{{ nodes.x.output }}", {read("nodes", "output", node="x")}),
        (r"{{ nodes['a\'b'].output }}", {read("nodes", "output", node="a'b")}),
        ("{{ nodes[k].output }}", {read("k"), read("nodes", dynamic=True)}),
        ("{{ nodes|length }}", {read("nodes", dynamic=True)}),
        ("{{ nodes['a' 'b'].x }}", {read("nodes", dynamic=True)}),
        ("{{ a.b['c'].d }}", {read("a", "b", "c", "d")}),
        (
            "{% for item in item.items %}{{ item.x }}{{ loop.index }}{% endfor %}{{ loop.iteration }}",
            {read("item", "items"), read("loop", "iteration")},
        ),
        ("{{ x }}{% set x = 1 %}{{ x }}", {read("x")}),
        ("{% if c %}{% set x = 1 %}{% endif %}{{ x }}", {read("c"), read("x")}),
        ("{% if c %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}{{ x }}", {read("c")}),
        ("{% with a = b %}{{ a.z }}{% endwith %}{{ a.y }}", {read("b"), read("a", "y")}),
        ("{% for a, (b, c) in d.e %}{{ a }}{{ c }}{% else %}{{ b }}{% endfor %}", {read("d", "e"), read("b")}),
        ("{% for x in xs if x.ok and y %}{% endfor %}", {read("xs"), read("y")}),
        ("{{ {'k': v, k2: 3} }}", {read("v"), read("k2")}),
        ("{{ range(3) }}{{ dict(a=b) }}", {read("b")}),
        ("{{ range.output }}", {read("range", "output")}),
        ("{{ a.b|map(attribute='x')|join(', ') }}", {read("a", "b")}),
        ("{{ x is divisibleby y }}", {read("x"), read("y")}),
        ("{% raw %}{{ no }}{% endraw %}{# {{ no }} #}{{ 'x {{ no }}' ~ yes }}", {read("yes")}),
        ("{{ a[1:b] }}", {read("a"), read("b")}),
    ],
)
def test_references_are_what_is_read_from_outside(source: str, expected: set[Reference]) -> None:
    assert parse_template({"x": [source]}).references == expected


def test_a_condition_has_references() -> None:
    assert parse_condition("score.output.value < 0.8").references == {read("score", "output", "value")}


@pytest.mark.spec("EXPR-12")
@pytest.mark.parametrize(
    "source",
    [
        "{{ input.items() }}",
        "{{ input.tags.append(1) }}",
        "{{ input['tags'].append(1) }}",
        "{{ input.__class__() }}",
        "{{ __gw_tick() }}",
        "{{ input|attr('_raw') }}",
        "{{ debug() }}",
        "{{ namespace() }}",
        "{{ input.name.upper() }}",
        "{{ __gw }}",
        "{% for x in input.tags %}{{ x() }}{% endfor %}",
        "{{ input.name|safe }}",
        "{{ (input.tags)() }}",
    ],
)
def test_methods_and_hidden_names_are_refused(source: str) -> None:
    assert len(refusal_of(source)) == 1


@pytest.mark.spec("EXPR-12")
@pytest.mark.parametrize("name", ["__class__", "_raw", "_run", "_parent", "__dict__", "append", "keys", "get"])
@pytest.mark.parametrize("owner", ["input", "input.tags", "input.name", "input.none", "input.rows[0]"])
def test_no_python_attribute_is_reachable(owner: str, name: str) -> None:
    error_of(f"{{{{ {owner}.{name} }}}}")
    error_of(f"{{{{ {owner}['{name}'] ~ '' }}}}")
    error_of(f"{{% set x = {owner} %}}{{{{ x.{name} ~ '' }}}}")
    assert render(f"{{{{ {owner}['{name}']|default('nothing') }}}}") == "nothing"


@pytest.mark.spec("EXPR-12")
@pytest.mark.parametrize("name", [name for name in dir(dict) if not name.startswith("_")])
def test_no_method_of_the_scope_is_reachable(name: str) -> None:
    assert "there is no" in error_of(f"{{{{ {name} }}}}").message
    assert "there is no" in error_of(f"{{% if true %}}{{{{ {name} ~ 'x' }}}}{{% endif %}}").message


@pytest.mark.spec("EXPR-13")
@pytest.mark.parametrize(
    "source",
    [
        "{{ input|items }}",
        "{{ input|tojson }}",
        "{{ input.html|escape }}",
        "{{ (1, 2) }}",
        "{{ [input, (1, input.tags)] }}",
        "{{ input.rows|groupby('n') }}",
        "{{ input.tags|map('upper') }}",
        "{{ range(3) }}",
        "{{ input.tags|zip(input.tags) }}",
        "{{ dict(a=input) }}",
        "{{ ('[1, {}]'|fromjson) }}",
        "{{ input.tags[::-1] }}",
    ],
)
def test_results_are_plain_json(source: str) -> None:
    def check(value: object) -> None:
        assert type(value) in (dict, list, str, int, float, bool, type(None))
        for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            check(part)

    scope = {"input": {name: value for name, value in SCOPE["input"].items() if name != "huge"}}
    check(render(source, scope))


@pytest.mark.spec("EXPR-13")
@pytest.mark.parametrize("source", ["{{ 1e308 * 10 }}", "{{ {1: 2} }}", "{{ 1e308 * 10 - 1e308 * 10 }}"])
def test_what_json_cannot_hold_is_an_error(source: str) -> None:
    error_of(source)


@pytest.mark.spec("EXPR-14")
def test_text_is_never_escaped() -> None:
    assert render("{{ input.html }}|{{ input.html ~ '' }}|{{ input.html|trim }}") == "|".join(["<a & 'b'>"] * 3)
    assert render("{{ input.html|tojson }}") == "\"<a & 'b'>\""


@pytest.mark.spec("EXPR-15")
def test_rendering_leaves_the_scope_as_it_was() -> None:
    before = copy.deepcopy(SCOPE)
    for source in ("{{ input.tags|sort|reverse }}", "{{ input.tags + [1] }}", "{{ {'a': input}|tojson }}"):
        render(source)
    render({"a": "{{ input }}"})
    assert before == SCOPE


EXPENSIVE = {
    "nested loops": "{% for i in range(10000) %}{% for j in range(10000) %}{% endfor %}{% endfor %}",
    "work in a loop": "{% for i in range(100000) %}{% if range(100000)|sum > 0 %}{% endif %}{% endfor %}",
    "membership of lists": "{{ range(100000)|select('in', range(100000))|list|length }}",
    "output": "{% for i in range(100000) %}{{ input.long }}{% endfor %}",
    "replacement": "{{ input.long|replace('x', input.long)|replace('x', input.long)|length }}",
    "reading": "{{ " + " ~ ".join(["input.longer"] * 100) + " }}",
    "storing": "".join(f"{{% set a{i} = input.longer ~ 'x' %}}" for i in range(500)),
    "depth": "{{ input.deep|tojson }}",
    "depth in text": "a {{ input.deep }}",
    "depth in a chain": "{{ 'a' ~ input.deep }}",
    "depth of JSON": "{{ input.deep_text|fromjson }}",
}


@pytest.mark.spec("EXPR-16")
@pytest.mark.parametrize("source", EXPENSIVE.values(), ids=EXPENSIVE)
def test_a_template_that_works_too_much_ends(source: str) -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    text = "[" * 5000 + "]" * 5000
    scope = {"input": {"long": "x" * 10_000, "longer": "x" * 2_000_000, "deep": deep, "deep_text": text}}
    start = time.monotonic()
    assert error_of(source, scope).problem_code == "template_too_expensive"
    assert time.monotonic() - start < 10


@pytest.mark.spec("EXPR-17")
@pytest.mark.parametrize(
    "source",
    [
        "{{ 'x' * 1000000000 }}",
        "{{ 1000000000 * input.name }}",
        "{{ input.tags * 1000000000 }}",
        "{{ 2 * input.tags|first }}",
        "{{ '%1000000000s'|format('x') }}",
        "{{ input.name|indent(1000000000) }}",
        "{{ range(1000000000) }}",
        "{{ 10 ** 10 ** 10 }}",
    ],
)
def test_nothing_can_be_repeated(source: str) -> None:
    assert error_of(source).problem_code == "template_error"


def test_numbers_are_multiplied() -> None:
    assert render("{{ input.tags|length * 2 * -3 + 4 % 3 * 2 ** 2 }}") == -8
    assert math.isclose(render("{{ 2 * input.whole / 4 * (1 + 1) }}"), 1.0)


CHAINS = {
    "not": "{{ " + "not " * 50_000 + "1 }}",
    "minus": "{{ " + "-" * 100_000 + "1 }}",
    "attributes": "{{ a" + ".b" * 100_000 + " }}",
    "filters": "{{ 1" + "|int" * 50_000 + " }}",
    "plus": "{{ 1" + "+1" * 100_000 + " }}",
    "ternary": "{{ 1" + " if true else 1" * 10_000 + " }}",
    "brackets": "{{ " + "[" * 100_000 + "]" * 100_000 + " }}",
    "elif": "{% if a %}" + "{% elif a %}" * 20_000 + "{% endif %}",
    "for": "{% for i in [1] %}" * 5_000 + "{% endfor %}" * 5_000,
    "doubling": "{% set a0 = 'x' ~ b %}" + "".join(f"{{% set a{i + 1} = a{i} ~ a{i} %}}" for i in range(40)),
    "nested lists": "{% set a0 = [b] %}" + "".join(f"{{% set a{i + 1} = [a{i}, a{i}] %}}" for i in range(40)),
    "size": "{{ 1 }}" + "x" * 300_000,
    "separator": "{{ range(100000)|join(input.name) }}",
    "namespace": "{% set n = namespace() %}{% set n.x = n %}{{ n }}",
    "recursive": "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "block set": "{% set x %}{{ a }}{% endset %}",
    "include": "{% include 'x' %}",
    "import": "{% import 'x' as y %}",
    "from": "{% from 'x' import y %}",
    "extends": "{% extends 'x' %}",
    "macro": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "block": "{% block a %}{{ self.a() }}{% endblock %}",
    "autoescape": "{% autoescape true %}{{ '<' }}{% endautoescape %}",
}


@pytest.mark.spec("EXPR-18")
@pytest.mark.parametrize("source", CHAINS.values(), ids=CHAINS)
def test_what_could_break_the_process_is_refused_before_it_runs(source: str) -> None:
    assert len(refusal_of(source)) == 1


@pytest.mark.spec("EXPR-18")
@pytest.mark.parametrize(
    "source",
    [
        "'1' + '+1' * 390",
        "'not ' * 390 + '1'",
        "'a' + '*a' * 390",
        "'1' + ' if a else 1' * 190",
        "'a|int' + '|int' * 390",
    ],
)
def test_the_longest_chain_fits_on_a_small_stack(source: str) -> None:
    program = (
        "import threading\n"
        "from app.compiler.expressions import ExpressionError, parse_condition\n"
        "def work():\n"
        "    try:\n"
        f"        parse_condition({source}).evaluate({{'a': 1}})\n"
        "    except ExpressionError:\n"
        "        pass\n"
        "threading.stack_size(1024 * 1024)\n"
        "thread = threading.Thread(target=work)\n"
        "thread.start()\n"
        "thread.join()\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.spec("EXPR-19")
def test_nul_and_lone_surrogates_do_no_harm() -> None:
    scope = {"input": {"nul": "a\0b", "bad": "a\ud800", "bad_name": {"a\ud800": 1}}}
    assert render("{{ input.nul|upper }}", scope) == "A\0B"
    assert render("{{ input.bad }}", scope) == "a\ud800"
    for source in ("{{ input.bad|upper }}", "{{ input.bad_name|items }}", "{% for k in input.bad_name %}{% endfor %}"):
        assert "Unicode" in error_of(source, scope).message


@pytest.mark.spec("EXPR-19")
def test_an_engine_that_panics_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    from app.compiler import sandbox  # noqa: PLC0415 - only this test looks inside

    class PanicException(BaseException):
        pass

    class Broken:
        def render_str(self, *_args: object, **_scope: object) -> str:
            raise PanicException

    monkeypatch.setattr(sandbox.engine(), "environment", Broken())
    assert "gave up" in error_of("{{ input.name|upper }}").message
    assert render("{{ input.name|upper }}") == "BOB"


@pytest.mark.spec("EXPR-20")
def test_threads_render_side_by_side() -> None:
    template = parse_template({"a": "{{ input.n * 2 }}", "b": "{% for i in range(20) %}{{ input.n }},{% endfor %}"})
    wrong: list[object] = []

    def work(n: int) -> None:
        for _ in range(200):
            result = template.render({"input": {"n": n}})
            if result != {"a": n * 2, "b": f"{n}," * 20}:
                wrong.append(result)
            parse_template(f"{{{{ input.n + {n} }}}}")

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []


@pytest.mark.spec("EXPR-21")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ ('{\"a\": [1]}'|fromjson).a[0] }}", 1),
        ("{{ input.rows|tojson }}", '[{"n": 1, "s": "x"}, {"n": 2, "s": "y"}]'),
        ("{{ input.tags|map('tojson')|join(' ') }}", '"a" "b"'),
        ("{{ 3.456|round(2) }}", 3.46),
        ("{{ '3'|int + '1.5'|float }}", 4.5),
        ("{{ [3, 1, 2]|sort|join(',') }}", "1,2,3"),
        ("{{ [1, 1, 2]|unique|list }}", [1, 2]),
        ("{{ [[1, 2, 3]|min, [1, 2, 3]|max, [1, 2, 3]|sum] }}", [1, 3, 6]),
        ("{{ 'a,b'|split(',') }}", ["a", "b"]),
        ("{{ [1, 2, 3]|select('odd')|list }}", [1, 3]),
        ("{{ 'a-b'|replace('-', '+')|upper }}", "A+B"),
        ("{{ '%.2f|%s'|format(2, input.tags) }}", '2.00|["a", "b"]'),
        ("{{ 'a\nb'|indent(2) }}", "a\n  b"),
        ("{{ input.tags|tojson(indent=1) }}", '[\n "a",\n "b"\n]'),
    ],
)
def test_filters(source: str, expected: object) -> None:
    assert render(source) == expected


@pytest.mark.spec("EXPR-21")
@pytest.mark.parametrize("source", ["{{ now() }}", "{{ [1]|random }}", "{{ lipsum() }}", "{{ debug() }}"])
def test_nothing_that_changes_from_run_to_run_is_there(source: str) -> None:
    refusal_of(source)


@pytest.mark.spec("EXPR-22")
def test_errors_do_not_tell_values() -> None:
    scope = {"secrets": {"key": "s3cr3t"}}
    for source in ("{{ secrets.key|int }}", "{{ secrets.key.x }}", "{{ secrets.other }}", "{{ secrets.key|fromjson }}"):
        assert "s3cr3t" not in error_of(source, scope).message
