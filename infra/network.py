"""network:mode private -> a virtual network, an address in it for every service, one address for the way out

Nothing here is imported, let alone created, where a stack is public: the provider's module for networks is its largest.
"""

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

from pulumi import ComponentResource, Output, Resource, ResourceOptions
from pulumi_azure_native import network, privatedns

from infra import config
from infra.place import Place

Endpoint = Literal["namespace", "Sql", "vault", "blob", "table", "account", "sites"]
"""What Azure calls the part of a resource that an endpoint leads to."""

ZONES: dict[Endpoint, str] = {
    "namespace": "privatelink.servicebus.windows.net",
    "Sql": "privatelink.documents.azure.com",
    "vault": "privatelink.vaultcore.azure.net",
    "blob": "privatelink.blob.core.windows.net",
    "table": "privatelink.table.core.windows.net",
    "account": "privatelink.openai.azure.com",
    "sites": "privatelink.azurewebsites.net",
}
"""Where the public name leads from inside. Source: learn.microsoft.com/azure/private-link/private-endpoint-dns."""

PORTS = ["443", "5671", "5672"]
"""HTTPS, and AMQP of Service Bus."""


@dataclass(frozen=True)
class NetworkArgs:
    place: Place
    config: config.Network


class Network(ComponentResource):
    """One per stack: the subnet of the apps, and that of the endpoints which they reach everything by."""

    id: Output[str]
    apps: Output[str]
    """The id of the subnet that apps are put into."""
    outbound_address: Output[str]
    """Where calls of ours come from: channels, somebody else's model."""
    guards: dict[str, Output[str]]
    """The ids of the security groups, by subnet."""
    ready: list[Resource]
    """What must be there before an app starts, or it would not find its storage."""

    def __init__(self, name: str, args: NetworkArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__("event-driven-ai:infra:Network", name, None, opts)
        self._place = args.place
        self.guards, self.ready = {}, []
        self._zones: dict[Endpoint, Output[str]] = {}
        way_out = self._way_out()
        self.id = self._virtual(IPv4Network(args.config.address_space), way_out)
        self.apps = Output.concat(self.id, "/subnets/apps")
        self._endpoints = Output.concat(self.id, "/subnets/endpoints")
        self.register_outputs({"outboundAddress": self.outbound_address})

    def reach(self, name: str, target: Output[str], endpoint: Endpoint, parent: Resource | None = None) -> Resource:
        """Give a resource an address in the network, under the name that it has outside; what it is there with."""
        parent = parent or self
        made = network.PrivateEndpoint(
            name,
            private_endpoint_name=name,
            resource_group_name=self._place.group,
            location=self._place.location,
            tags=self._place.tags,
            subnet=network.SubnetArgs(id=self._endpoints),
            private_link_service_connections=[
                network.PrivateLinkServiceConnectionArgs(
                    name=name, private_link_service_id=target, group_ids=[endpoint]
                )
            ],
            opts=ResourceOptions(parent=parent),
        )
        named = network.PrivateDnsZoneGroup(
            name,
            private_dns_zone_group_name="default",
            private_endpoint_name=made.name,
            resource_group_name=self._place.group,
            private_dns_zone_configs=[
                network.PrivateDnsZoneConfigArgs(name=endpoint, private_dns_zone_id=self._zone(endpoint))
            ],
            opts=ResourceOptions(parent=parent),
        )
        self.ready.append(named)
        return named

    def _way_out(self) -> Output[str]:
        """Without it an app in the network reaches nothing outside: subnets have no way out by default."""
        address = network.PublicIPAddress(
            "outbound",
            resource_group_name=self._place.group,
            location=self._place.location,
            tags=self._place.tags,
            sku=network.PublicIPAddressSkuArgs(name=network.PublicIPAddressSkuName.STANDARD),
            public_ip_allocation_method=network.IPAllocationMethod.STATIC,
            zones=["1", "2", "3"] if self._place.zones else None,
            opts=ResourceOptions(parent=self),
        )
        gateway = network.NatGateway(
            "outbound",
            resource_group_name=self._place.group,
            location=self._place.location,
            tags=self._place.tags,
            sku=network.NatGatewaySkuArgs(name=network.NatGatewaySkuName.STANDARD),
            public_ip_addresses=[network.SubResourceArgs(id=address.id)],
            opts=ResourceOptions(parent=self),
        )
        self.outbound_address = address.ip_address.apply(lambda known: known or "")
        return gateway.id

    def _virtual(self, space: IPv4Network, way_out: Output[str]) -> Output[str]:
        """Half of the addresses for apps, whose instances each may take one, a quarter for endpoints, the rest free."""
        apps, rest = space.subnets(1)
        endpoints = next(rest.subnets(1))
        virtual = network.VirtualNetwork(
            "network",
            resource_group_name=self._place.group,
            location=self._place.location,
            tags=self._place.tags,
            address_space=network.AddressSpaceArgs(address_prefixes=[str(space)]),
            subnets=[
                network.SubnetArgs(
                    name="apps",
                    address_prefix=str(apps),
                    default_outbound_access=False,
                    nat_gateway=network.SubResourceArgs(id=way_out),
                    network_security_group=network.NetworkSecurityGroupArgs(id=self._guard("apps", [])),
                    # What Flex Consumption runs on (pulumi-azure-native and azure-cli#33177: the provider
                    # Microsoft.App must be registered in the subscription).
                    delegations=[network.DelegationArgs(name="apps", service_name="Microsoft.App/environments")],
                ),
                network.SubnetArgs(
                    name="endpoints",
                    address_prefix=str(endpoints),
                    default_outbound_access=False,
                    network_security_group=network.NetworkSecurityGroupArgs(id=self._guard("endpoints", PORTS)),
                    # Else the security group would not count for endpoints.
                    private_endpoint_network_policies="Enabled",
                ),
            ],
            opts=ResourceOptions(parent=self),
        )
        return virtual.id

    def _guard(self, subnet: str, ports: list[str]) -> Output[str]:
        """Nothing comes in but, to these ports, from inside. The apps' subnet is for the way out only."""
        allowed = network.SecurityRuleArgs(
            name="from-inside",
            priority=100,
            direction=network.SecurityRuleDirection.INBOUND,
            access=network.SecurityRuleAccess.ALLOW,
            protocol=network.SecurityRuleProtocol.TCP,
            source_address_prefix="VirtualNetwork",
            source_port_range="*",
            destination_address_prefix="VirtualNetwork",
            destination_port_ranges=ports,
        )
        refused = network.SecurityRuleArgs(
            name="nothing-else",
            priority=4096,
            direction=network.SecurityRuleDirection.INBOUND,
            access=network.SecurityRuleAccess.DENY,
            protocol="*",
            source_address_prefix="*",
            source_port_range="*",
            destination_address_prefix="*",
            destination_port_range="*",
        )
        guard = network.NetworkSecurityGroup(
            subnet,
            resource_group_name=self._place.group,
            location=self._place.location,
            tags=self._place.tags,
            security_rules=[*([allowed] if ports else []), refused],
            opts=ResourceOptions(parent=self),
        )
        self.guards[subnet] = guard.id
        return guard.id

    def _zone(self, endpoint: Endpoint) -> Output[str]:
        """The private zone for names of this kind, made when the first is needed."""
        if endpoint not in self._zones:
            zone = privatedns.PrivateZone(
                f"names-{endpoint.lower()}",
                private_zone_name=ZONES[endpoint],
                resource_group_name=self._place.group,
                location="global",
                tags=self._place.tags,
                opts=ResourceOptions(parent=self),
            )
            linked = privatedns.VirtualNetworkLink(
                f"names-{endpoint.lower()}",
                virtual_network_link_name="network",
                private_zone_name=zone.name,
                resource_group_name=self._place.group,
                location="global",
                tags=self._place.tags,
                registration_enabled=False,
                virtual_network=privatedns.SubResourceArgs(id=self.id),
                opts=ResourceOptions(parent=self),
            )
            self.ready.append(linked)
            self._zones[endpoint] = zone.id
        return self._zones[endpoint]
