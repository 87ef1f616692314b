"""the network's mode, and whether an app has HTTP functions -> who may knock at it at all; sign-in decides who comes in

In a private network an app is reached by its endpoint there. From outside, one with HTTP functions lets in Azure
Monitor, which sends alerts and tries the door, and the callers that the configuration names; others let in nobody.
The site that code is published to lets in the addresses of network:deployFrom.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pulumi_azure_native import web

from infra import config
from infra.addresses import is_tag

AZURE_MONITOR = ("ActionGroup", "ApplicationInsightsAvailability")
"""Service tags: what sends alerts to /api/alerts, and what tries the doors."""


@dataclass(frozen=True)
class Inbound:
    """As an app is told; `callers` and `deployers` are None where everybody may knock."""

    public_access: Literal["Enabled", "Disabled"]
    callers: tuple[str, ...] | None = None
    deployers: tuple[str, ...] | None = None

    def restrictions(self) -> web.SiteConfigArgsDict:
        """What site_config says of it; nothing, where everybody may knock."""
        if self.callers is None or self.deployers is None:
            return {}
        return {
            "ip_security_restrictions": _allowed(self.callers),
            "ip_security_restrictions_default_action": web.DefaultAction.DENY,
            "scm_ip_security_restrictions": _allowed(self.deployers),
            "scm_ip_security_restrictions_default_action": web.DefaultAction.DENY,
            "scm_ip_security_restrictions_use_main": False,
        }


def inbound(network: config.Network, *, http: bool) -> Inbound:
    """Decide for one app."""
    if network.mode == "public":
        return Inbound("Enabled")
    callers = (*AZURE_MONITOR, *network.callers) if http else ()
    deployers = network.deploy_from or ()
    return Inbound("Enabled" if callers or deployers else "Disabled", callers, deployers)


def _allowed(sources: Iterable[str]) -> list[web.IpSecurityRestrictionArgsDict]:
    return [
        {
            "name": f"allowed-{number}",
            "priority": 100 + number,
            "action": "Allow",
            "ip_address": source,
            "tag": web.IpFilterTag.SERVICE_TAG if is_tag(source) else web.IpFilterTag.DEFAULT,
        }
        for number, source in enumerate(sources)
    ]
