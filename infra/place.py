"""where a stack's resources live, and how those that hold data are kept"""

from collections.abc import Mapping
from dataclasses import dataclass

from pulumi import Output, Resource, ResourceOptions


@dataclass(frozen=True)
class Place:
    """What every Azure resource is told: its resource group, region and tags."""

    group: Output[str]
    location: str
    tags: Mapping[str, str]
    subscription: Output[str]
    """The id of the Azure subscription, for the names of role definitions."""
    tenant: Output[str]
    protect: bool
    """Whether what holds data refuses to be deleted, and stays when the stack is destroyed."""
    zones: bool
    """Whether what can be is spread over availability zones."""
    private: bool
    """Whether services are reached through the stack's virtual network only."""

    @property
    def public_access(self) -> str:
        """As Azure's services want it said."""
        return "Disabled" if self.private else "Enabled"

    def keeping(self, parent: Resource) -> ResourceOptions:
        """Options for a resource that holds data."""
        return ResourceOptions(parent=parent, protect=self.protect, retain_on_delete=self.protect)
