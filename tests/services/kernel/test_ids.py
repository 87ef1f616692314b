from hypothesis import given
from hypothesis import strategies as st

from services.kernel.ids import LONGEST, fingerprint, safe_id

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
parts = st.lists(texts, min_size=1, max_size=4)


@given(parts)
def test_an_id_fits_service_bus_and_cosmos_db_whatever_it_is_made_of(of: list[str]) -> None:
    made = safe_id(*of)
    assert 0 < len(made) <= LONGEST
    assert not set(made) & set(r"/\#?")
    assert made.isascii()
    assert made.isprintable()
    assert not made.startswith(" ")
    assert not made.endswith(" ")


@given(parts, parts)
def test_different_parts_never_share_an_id_and_the_same_parts_always_do(one: list[str], other: list[str]) -> None:
    assert (safe_id(*one) == safe_id(*other)) == (one == other)


@given(texts, texts, st.sampled_from(["", "\x1f", "~", "/", "\\", "\x1e", "\x00"]))
def test_a_separator_inside_a_part_does_not_make_it_two(one: str, other: str, separator: str) -> None:
    assert safe_id(one, other) != safe_id(one + separator + other)
    assert safe_id(one, other, "") != safe_id(one, other)


def test_an_id_begins_with_what_people_know_it_by() -> None:
    assert safe_id("customer", "C-1001").startswith("C-1001~")
    assert safe_id("x", "a/b c?d").startswith("a-b-c-d~")


@given(texts, texts)
def test_a_fingerprint_tells_contents_apart(one: str, other: str) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (one == other)
