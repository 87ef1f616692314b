"""The directory of the demo: everybody is where their id says, and one entry is broken on purpose."""

import json
from pathlib import Path

from services.notifications.directory import Recipient, partition, read_entry

DOCUMENTS = Path(__file__).parents[3] / "samples" / "documents" / "notifications.jsonl"


def test_everybody_is_in_their_own_partition_and_one_entry_is_broken() -> None:
    # when
    entries = [json.loads(line) for line in DOCUMENTS.read_text().splitlines()]

    # then
    assert all(entry["id"] == entry["recipient_id"] == partition(entry["recipient"]) for entry in entries)
    assert [each["recipient"] for each in entries if not isinstance(read_entry(each), Recipient)] == ["broken"]
