"""text from the configuration -> a network that Azure takes, or why it does not"""

from ipaddress import IPv4Network

SMALLEST, LARGEST = 24, 12
"""Prefixes: both subnets fit in, and Azure's private ranges contain it."""


def network(value: str) -> str:
    """An IPv4 network as Azure wants it: no host bits, or `10.0.0.5/24` would be refused only during the deployment."""
    try:
        return str(IPv4Network(value))
    except ValueError as error:
        raise ValueError(f"an IPv4 network like 203.0.113.0/24, or one address like 203.0.113.7/32 ({error})") from None


def space(value: str) -> str:
    """The addresses of a virtual network."""
    if not LARGEST <= IPv4Network(network(value)).prefixlen <= SMALLEST:
        raise ValueError(f"a private network from /{LARGEST} to /{SMALLEST}, like 10.64.0.0/22")
    if not IPv4Network(value).is_private:
        raise ValueError("a private network: inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16")
    return value


def is_tag(value: str) -> bool:
    """Whether this names addresses that Azure keeps the list of: `AzureFrontDoor.Backend`."""
    return all(part.isidentifier() for part in value.split("."))


def caller(value: str) -> str:
    """A service tag or a network."""
    return value if is_tag(value) else network(value)
