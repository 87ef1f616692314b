"""effective partition keys against the SDK's own hash; physical ranges without gaps"""

import json
from itertools import pairwise
from typing import Any

import pytest
from azure.cosmos import PartitionKey as SdkKey
from hypothesis import given, settings
from hypothesis import strategies as st

from local.cosmos.errors import CosmosError
from local.cosmos.partition import (
    UNDEFINED,
    effective_partition_key,
    key_of_document,
    key_of_header,
    make_key,
    owner_of,
    physical_ranges,
    range_by_id,
)

components = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=80)
    | st.just(UNDEFINED)
)


@settings(max_examples=300, deadline=None)
@given(value=components)
def test_a_single_key_is_where_the_sdk_expects_it(value: Any) -> None:
    assert effective_partition_key([value]) == SdkKey("/a")._get_effective_partition_key_string([value])


@settings(max_examples=100, deadline=None)
@given(levels=st.lists(components, min_size=3, max_size=3), depth=st.integers(1, 3))
def test_a_hierarchical_key_begins_with_its_prefix(levels: list[Any], depth: int) -> None:
    key = SdkKey(["/a", "/b", "/c"])

    whole = effective_partition_key(levels)

    assert whole == key._get_effective_partition_key_string(levels)
    assert whole.startswith(effective_partition_key(levels[:depth]))


@given(count=st.integers(1, 64), value=components)
def test_every_key_is_in_exactly_one_range(count: int, value: Any) -> None:
    ranges = physical_ranges(count)
    epk = effective_partition_key([value])

    assert (ranges[0].minimum, ranges[-1].maximum) == ("", "FF")
    assert all(low.maximum == high.minimum for low, high in pairwise(ranges))
    assert [found for found in ranges if found.minimum <= epk < found.maximum] == [owner_of(ranges, epk)]


def test_numbers_that_are_equal_are_the_same_partition() -> None:
    assert make_key([1]) == make_key([1.0]) == key_of_header("[1.0]", ["/pk"]) == key_of_document({"pk": 1}, ["/pk"])
    assert make_key([1]) != make_key(["1"])
    assert make_key([True]) != make_key([1])
    assert make_key([None]) != make_key([UNDEFINED])


@pytest.mark.parametrize("header", ['["ü"]', '["\\u00fc"]', '[ "ü" ]'])
def test_a_header_is_read_however_it_is_escaped(header: str) -> None:
    assert key_of_header(header, ["/pk"]) == key_of_document({"pk": "ü"}, ["/pk"])


@pytest.mark.parametrize("header", ["[]", "[{}]"])
def test_no_key_is_spelt_in_two_ways(header: str) -> None:
    assert key_of_header(header, ["/pk"]) == key_of_document({}, ["/pk"])


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("", "not valid JSON"),
        ("[", "not valid JSON"),
        ('"a"', "must be a JSON array"),
        ("[1,2]", "has 2 components"),
        ("[[1]]", "cannot be part of a partition key"),
        ('[{"a":1}]', "cannot be part of a partition key"),
        (json.dumps(["x" * 2049]), "more than 2048 bytes"),
        ("[NaN]", "NaN is not a JSON value"),
        ('["\\ud800"]', "not valid UTF-8"),
    ],
)
def test_a_header_that_is_no_key_is_a_400(header: str, says: str) -> None:
    with pytest.raises(CosmosError, match=says) as caught:
        key_of_header(header, ["/pk"])

    assert caught.value.status == 400


@pytest.mark.parametrize("count", [0, -1, 65])
def test_there_are_one_to_64_ranges(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 64"):
        physical_ranges(count)


def test_a_range_that_is_not_there_is_gone() -> None:
    with pytest.raises(CosmosError) as caught:
        range_by_id(physical_ranges(2), "7")

    assert (caught.value.status, caught.value.substatus) == (410, 1002)
