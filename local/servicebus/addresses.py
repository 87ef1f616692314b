"""amqps://host:port/orders/Subscriptions/s1/$DeadLetterQueue/$management -> entity, sub-queue, management?

The SDK writes a scheme and an authority before a link's address, but not before a management node's, and case
counts nowhere.
"""

from typing import Final, Literal, NamedTuple

SubQueue = Literal["", "$deadletterqueue", "$transfer/$deadletterqueue"]
DEAD_LETTER: Final = "$deadletterqueue"
TRANSFER_DEAD_LETTER: Final = "$transfer/$deadletterqueue"


class Address(NamedTuple):
    """`entity` in lower case, as `queue`, `topic` or `topic/subscriptions/name`."""

    entity: str
    sub_queue: SubQueue = ""
    management: bool = False


def parse_address(address: str) -> Address:
    path = address.partition("://")[2].partition("/")[2] if "://" in address else address
    path = path.strip("/").lower()
    management = path.endswith("/$management")
    path = path.removesuffix("/$management")
    if path.endswith("/" + TRANSFER_DEAD_LETTER):
        return Address(path.removesuffix("/" + TRANSFER_DEAD_LETTER), TRANSFER_DEAD_LETTER, management)
    if path.endswith("/" + DEAD_LETTER):
        return Address(path.removesuffix("/" + DEAD_LETTER), DEAD_LETTER, management)
    return Address(path, "", management)
