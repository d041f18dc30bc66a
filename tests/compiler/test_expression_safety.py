"""What templates cannot do: reach Python, change their inputs, or take the process with them."""

import copy
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from app.compiler import sandbox
from app.compiler.expressions import parse_template
from tests.compiler.templates import SCOPE, error_of, refusal_of, render


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
    "work in a loop": "{% for i in range(10000) %}{% if range(10000)|sum > 0 %}{% endif %}{% endfor %}",
    "membership of lists": "{{ range(10000)|select('in', range(10000))|list|length }}",
    "output": "{% for i in range(10000) %}{{ input.long }}{% endfor %}",
    "replacement": "{{ input.long|replace('x', input.long)|replace('x', input.long)|length }}",
    "reading": "{{ " + " ~ ".join(["input.longer"] * 100) + " }}",
    "storing": "".join(f"{{% set a{i} = input.longer ~ 'x' %}}" for i in range(200)),
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
    "wide storing": "".join(f"{{% set a{i} = b ~ 'x' %}}{{% set c{i} = a{i} ~ a{i} %}}" for i in range(40)),
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
        "'1' + '+1' * 190",
        "'not ' * 190 + '1'",
        "'a' + '*a' * 190",
        "'1' + ' if a else 1' * 90",
        "'a|int' + '|int' * 190",
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


@pytest.mark.spec("EXPR-22")
def test_errors_do_not_tell_values() -> None:
    scope = {"secrets": {"key": "s3cr3t"}}
    for source in ("{{ secrets.key|int }}", "{{ secrets.key.x }}", "{{ secrets.other }}", "{{ secrets.key|fromjson }}"):
        assert "s3cr3t" not in error_of(source, scope).message
