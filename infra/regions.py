"""regions without availability zones -> a neighbour that has them

Listed are those that have none, not those that do: a region that is new here is let through, and Azure answers.
Source: learn.microsoft.com/azure/reliability/regions-list, read 2026-11. That a region has zones does not say that
every service offers them there: `az functionapp list-flexconsumption-locations --zone-redundant=true` tells for apps.
"""

from collections.abc import Mapping

ZONES_NEARBY: Mapping[str, str] = {
    "australiacentral": "australiaeast",
    "australiacentral2": "australiaeast",
    "australiasoutheast": "australiaeast",
    "brazilsoutheast": "brazilsouth",
    "canadaeast": "canadacentral",
    "francesouth": "francecentral",
    "germanynorth": "germanywestcentral",
    "jioindiacentral": "centralindia",
    "jioindiawest": "centralindia",
    "koreasouth": "koreacentral",
    "northcentralus": "centralus",
    "norwaywest": "norwayeast",
    "southafricawest": "southafricanorth",
    "southindia": "centralindia",
    "swedensouth": "swedencentral",
    "switzerlandwest": "switzerlandnorth",
    "uaecentral": "uaenorth",
    "ukwest": "uksouth",
    "westcentralus": "westus2",
    "westindia": "centralindia",
    "westus": "westus2",
}
