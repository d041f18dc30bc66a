"""What templates and conditions mean, and what they cannot do."""

import copy
import json
import math

import pytest

from app.compiler.expressions import (
    Reference,
    SyntaxProblems,
    parse_condition,
    parse_template,
)
from tests.compiler.templates import SCOPE, error_of, refusal_of, render


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
        "{{ a|upper b }}",
        "{{ 1 a }}",
        "{{ not a b }}",
        "{% if a %}",
        "{% endif %}",
        "{% else %}",
        "{% endfor %}",
        "{% for x %}{% endfor %}",
        "{{ 1) or (2 }}",
        "{{ a is nothing }}",
        "{{ a\ud800 }}",
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


@pytest.mark.spec("API-91")
@pytest.mark.parametrize("text", ["1e999", "[1e999]", '{"a": [-1e400]}', "NaN", "[NaN]"])
def test_json_in_a_template_has_no_number_that_json_cannot_hold(text: str) -> None:
    error_of("{{ input|fromjson }}", {"input": text})


def test_numbers_are_multiplied() -> None:
    assert render("{{ input.tags|length * 2 * -3 + 4 % 3 * 2 ** 2 }}") == -8
    assert math.isclose(render("{{ 2 * input.whole / 4 * (1 + 1) }}"), 1.0)
