"""ids of Azure's built-in roles, the same in every tenant -> their names

Written down here a second time (infra/roles.py has those that it grants): a check that reads the table of the checked
would agree with every mistake in it.
"""

from collections.abc import Mapping

SENDER = "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39"
RECEIVER = "4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0"
BLOB_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
TABLE_CONTRIBUTOR = "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"
METRICS_PUBLISHER = "3913510d-42f4-4e42-8a64-420c390055eb"

NEEDED: Mapping[str, str] = {
    SENDER: "Azure Service Bus Data Sender",
    RECEIVER: "Azure Service Bus Data Receiver",
    BLOB_OWNER: "Storage Blob Data Owner",
    TABLE_CONTRIBUTOR: "Storage Table Data Contributor",
    METRICS_PUBLISHER: "Monitoring Metrics Publisher",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd": "Cognitive Services OpenAI User",
    "00000000-0000-0000-0000-000000000001": "Cosmos DB Built-in Data Reader",
    "00000000-0000-0000-0000-000000000002": "Cosmos DB Built-in Data Contributor",
}
"""What a service may need."""

BROAD: Mapping[str, str] = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
    "090c5cfd-751d-490a-894a-3ce6f1109419": "Azure Service Bus Data Owner",
    "00482a5a-887f-4fb3-b363-3b7fe8e74483": "Key Vault Administrator",
    "17d1049b-9a84-46fb-8f53-869881c3d3ab": "Storage Account Contributor",
}
"""What administers. Storage Blob Data Owner does not count: it is the least that the Functions host runs with."""


def role_id(definition: object) -> str:
    """The id of a role from the id of its definition."""
    return str(definition).rpartition("/")[2].casefold()


def role_name(definition: object) -> str:
    """A role by name, or by its id if it is none of these."""
    identifier = role_id(definition)
    return NEEDED.get(identifier) or BROAD.get(identifier) or f"role {identifier}"
