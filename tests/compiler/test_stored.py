import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import jsontext
from app.compiler.stored import LARGE_BYTES, input_in_state, is_large, output_in_state

LEAVES = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text("ab", max_size=9000)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text("xy"), inner))


@pytest.mark.spec("SAVE-6")
@given(VALUES)
def test_what_is_large_is_known_without_writing_it(value: object) -> None:
    length = len(jsontext.dumps(value))

    assert is_large(value) or length < 2 * LARGE_BYTES  # type: ignore[arg-type]  # JSON by its strategy
    assert not is_large(value) or length > LARGE_BYTES / 2  # type: ignore[arg-type]  # as above


@pytest.mark.spec("SAVE-6")
@pytest.mark.parametrize("value", [None, 0, "", "a" * LARGE_BYTES, [], {}, {"a": [1, 2, {"b": "c"}]}])
def test_a_small_value_is_in_the_state_as_it_is(value: object) -> None:
    assert output_in_state("run", "node", 0, value) is value  # type: ignore[arg-type]  # JSON
    assert input_in_state("run", value) is value  # type: ignore[arg-type]  # JSON


@pytest.mark.spec("SAVE-6")
@pytest.mark.parametrize("value", ["a" * (LARGE_BYTES + 1), [1] * LARGE_BYTES, {"a" * LARGE_BYTES: 1}, [["ab"] * 9000]])
def test_of_a_large_value_the_state_says_where_it_is(value: object) -> None:
    reference = {"graphwright.value": {"run_id": "run", "node_id": "node", "iteration": 3}}

    assert output_in_state("run", "node", 3, value) == reference  # type: ignore[arg-type]  # JSON
    assert input_in_state("run", value) == {"graphwright.value": {"run_id": "run", "field": "input"}}  # type: ignore[arg-type]  # JSON
