"""a document or a header -> partition key -> effective partition key (EPK) -> physical range

The EPK is MurmurHash3 x64 128 of the key's typed bytes, most significant byte first, its two top bits cleared, as
upper-case hex (hash version 2). A hierarchical key is the concatenation of its levels' hashes, which makes a
prefix a range.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from local.cosmos.documents import dumps, is_array, is_object, loads
from local.cosmos.errors import PARTITION_KEY_RANGE_GONE, CosmosError, bad_request

MAX_RANGES = 64
MAX_KEY_BYTES = 2048  # https://learn.microsoft.com/azure/cosmos-db/large-partition-keys
EVERYTHING = ("", "FF")
UNDEFINED: dict[str, Any] = {}  # how the wire spells "the document has no such property"
_MASK = 2**64 - 1
_C1, _C2 = 0x87C37B91114253D5, 0x4CF5AD432745937F


@dataclass(frozen=True)
class PartitionKey:
    """One logical partition: its normal form (JSON text, the identity) and its EPK (the place)."""

    text: str
    epk: str


@dataclass(frozen=True)
class PhysicalRange:
    """A physical partition owns the EPKs in [minimum, maximum)."""

    id: str
    minimum: str
    maximum: str


def physical_ranges(count: int) -> tuple[PhysicalRange, ...]:
    """`count` gapless ranges from "" to "FF"; version-2 hashes stay below "40", so that is what is split.

    Raises:
        ValueError: count is not 1..64.
    """
    if not 1 <= count <= MAX_RANGES:
        message = f"ranges is {count}; 1 to {MAX_RANGES} physical ranges are possible"
        raise ValueError(message)
    bounds = ["", *(f"{0x40 * i // count:02X}" for i in range(1, count)), "FF"]
    return tuple(PhysicalRange(str(i), low, high) for i, (low, high) in enumerate(pairwise(bounds)))


def owner_of(ranges: Sequence[PhysicalRange], epk: str) -> PhysicalRange:
    return next(found for found in reversed(ranges) if found.minimum <= epk)


def range_by_id(ranges: Sequence[PhysicalRange], range_id: str) -> PhysicalRange:
    """The physical range that a client names.

    Raises:
        CosmosError: 410/1002, upon which the SDK refreshes its routing map.
    """
    for found in ranges:
        if found.id == range_id:
            return found
    message = f"There is no partition key range '{range_id}'; this account has 0..{len(ranges) - 1}."
    raise CosmosError(410, message, substatus=PARTITION_KEY_RANGE_GONE)


def key_of_document(document: Mapping[str, Any], paths: Sequence[str]) -> PartitionKey:
    """The key that a document carries at the container's paths.

    Raises:
        CosmosError: 400 if the value is an object or an array, or too long.
    """
    return make_key([_at(document, path) for path in paths])


def key_of_header(header: str, paths: Sequence[str]) -> PartitionKey:
    """The key in x-ms-documentdb-partitionkey: a JSON array with one component a path.

    Raises:
        CosmosError: 400 if it is no such array.
    """
    components = loads(header, "x-ms-documentdb-partitionkey header")
    if components == []:
        components = [UNDEFINED] * len(paths)
    if not is_array(components):
        raise bad_request(f"The header x-ms-documentdb-partitionkey must be a JSON array, got {header[:80]}.")
    if len(components) != len(paths):
        raise bad_request(
            f"Partition key {header[:80]} has {len(components)} components, the container's definition "
            f"has {len(paths)} ({', '.join(paths)})."
        )
    return make_key(components)


def make_key(components: Sequence[Any]) -> PartitionKey:
    """Normal form and EPK of the components: null, booleans, numbers, strings, or {} for undefined.

    Raises:
        CosmosError: 400 on any other type or more than 2048 bytes.
    """
    normal = [_normal(component) for component in components]
    text = dumps(normal)
    if len(text.encode()) > MAX_KEY_BYTES + 4 * len(normal):
        raise bad_request(f"The partition key {text[:40]}... has more than {MAX_KEY_BYTES} bytes.")
    return PartitionKey(text, _effective(text))


def effective_partition_key(components: Sequence[Any]) -> str:
    """The EPK: 32 hex digits a component. A single component and the only level of a hierarchy are the same."""
    return "".join(_hash(_typed_bytes(component)) for component in components)


@lru_cache(maxsize=4096)
def _effective(text: str) -> str:
    return effective_partition_key(loads(text))


def _at(document: Mapping[str, Any], path: str) -> Any:
    value: Any = document
    for name in path.strip("/").split("/"):
        if not is_object(value) or name.strip('"') not in value:
            return UNDEFINED
        value = value[name.strip('"')]
    if is_object(value) or is_array(value):
        raise bad_request(
            f"The partition key at {path} must be a string, number, boolean or null, got {dumps(value)[:80]}."
        )
    return value


def _normal(component: Any) -> Any:
    if isinstance(component, float) and component.is_integer():
        return int(component)
    if component == UNDEFINED or component is None or isinstance(component, str | int | float):
        return component
    raise bad_request(
        f"{dumps(component)[:80]} cannot be part of a partition key: use a string, number, boolean or null."
    )


def _typed_bytes(component: Any) -> bytes:
    match component:
        case True:
            return b"\x03"
        case False:
            return b"\x02"
        case None:
            return b"\x01"
        case int() | float():
            return b"\x05" + struct.pack("<d", component)
        case str():
            return b"\x08" + component.encode() + b"\xff"
        case _:
            return b"\x00"


def _hash(data: bytes) -> str:
    low, high = murmur3_128(data)
    return f"{high & (_MASK >> 2):016X}{low:016X}"


def murmur3_128(data: bytes) -> tuple[int, int]:
    """MurmurHash3 x64 128 with seed 0 (Austin Appleby, public domain): the two halves, low first."""
    low = high = 0
    whole = len(data) & ~15
    for at in range(0, whole, 16):
        low ^= _scramble(int.from_bytes(data[at : at + 8], "little"), _C1, 31, _C2)
        low = ((_rotate(low, 27) + high) * 5 + 0x52DCE729) & _MASK
        high ^= _scramble(int.from_bytes(data[at + 8 : at + 16], "little"), _C2, 33, _C1)
        high = ((_rotate(high, 31) + low) * 5 + 0x38495AB5) & _MASK
    tail = data[whole:]
    high ^= _scramble(int.from_bytes(tail[8:], "little"), _C2, 33, _C1)
    low ^= _scramble(int.from_bytes(tail[:8], "little"), _C1, 31, _C2)
    low, high = low ^ len(data), high ^ len(data)
    low = (low + high) & _MASK
    high = (high + low) & _MASK
    low, high = _finish(low), _finish(high)
    low = (low + high) & _MASK
    return low, (high + low) & _MASK


def _scramble(word: int, before: int, turn: int, after: int) -> int:
    return _rotate(word * before & _MASK, turn) * after & _MASK


def _rotate(word: int, turn: int) -> int:
    return (word << turn | word >> (64 - turn)) & _MASK


def _finish(word: int) -> int:
    word = (word ^ word >> 33) * 0xFF51AFD7ED558CCD & _MASK
    word = (word ^ word >> 33) * 0xC4CEB9FE1A85EC53 & _MASK
    return word ^ word >> 33
