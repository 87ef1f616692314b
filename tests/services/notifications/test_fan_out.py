"""One event to many: what does not fit one commit goes in pages, and reaches everybody once."""

from datetime import timedelta

import pytest

from services.kernel.effects import Effects
from services.notifications import fan_out
from services.notifications.decide import FULL, Known, admit
from services.notifications.directory import partition
from services.notifications.events import (
    Addressed,
    CancelNotifications,
    ChangeDetected,
    FlushDigest,
    Page,
    SagaCompleted,
    UrgentNotification,
)
from services.notifications.fan_out import LONGEST_TEXT, LONGEST_TITLE, PAGE, announced
from services.notifications.handler import SERVICE
from services.notifications.state import Digest, Item
from services.notifications.topology import STANDARD
from tests.services.events import cloud_event, message
from tests.services.notifications.things import NOON, notification, person
from tests.services.world import World


def told(effects: Effects) -> list[Addressed]:
    return [each.data for each in effects.events if isinstance(each.data, Addressed)]


@pytest.mark.parametrize("count", [0, 1, PAGE])
def test_what_fits_one_commit_is_announced_as_it_is(count: int) -> None:
    messages = [notification(f"agent-{n}") for n in range(count)]

    assert [each.data for each in announced(messages)] == messages


@pytest.mark.parametrize(
    "messages",
    [
        [notification(f"agent-{n}", title=f"For {n % 3}") for n in range(2 * PAGE + 1)],
        [
            UrgentNotification(**dict(notification(f"agent-{n}", urgency="immediate" if n % 2 else "normal")))
            if n % 2
            else notification(f"agent-{n}")
            for n in range(PAGE + 1)
        ],
        [FlushDigest(recipient_id=partition(f"agent-{n}"), at=NOON) for n in range(PAGE + 1)],
        [CancelNotifications(recipient_id=partition(f"agent-{n}"), cancellation="k", at=NOON) for n in range(PAGE + 1)],
    ],
    ids=["notifications", "two lanes", "digests", "cancellations"],
)
def test_pages_say_the_same_as_messages_one_by_one(messages: list[Addressed]) -> None:
    # when: written down and read again, as on their way over the topic
    pages = [each.data for each in announced(messages)]
    read = [type(page).model_validate_json(page.model_dump_json()) for page in pages]
    spread = [each for page in read if isinstance(page, Page) for each in told(fan_out.spread(page))]

    # then
    assert len(pages) == -(-len(messages) // PAGE)
    assert spread == messages
    assert [type(each) for each in spread] == [type(each) for each in messages]


@pytest.mark.filterwarnings("ignore:Sending a large body directly with raw bytes:ResourceWarning")
async def test_a_page_of_the_heaviest_words_fits_its_commit(world: World) -> None:
    # given
    heavy = {"title": "😀" * LONGEST_TITLE, "text": "😀" * LONGEST_TEXT}
    (page, _) = announced([notification(f"agent-{n}", **heavy) for n in range(PAGE + 1)])
    process = world.start(SERVICE)

    # when
    await world.send(message(cloud_event(page.type, page.data.model_dump(mode="json"))), topic="notifications")
    await world.deliver(process, to=STANDARD)

    # then
    assert not await world.parked()
    (marker,) = await world.documents("notifications", "inbox")
    assert (len(marker["announced"]), marker["attempt"]) == (PAGE, 1)


def test_a_digest_that_is_full_does_not_wait_for_its_hour() -> None:
    # given
    items = tuple(Item(delivery_id=f"d~{n}", category="feedback", title="", text="") for n in range(FULL - 1))
    digest = {**Digest(items=items, due_at=NOON + timedelta(hours=9)).model_dump(mode="json"), "_etag": "1"}
    known = Known(person(), None, digest)

    # when
    effects = admit("delivery~1", notification(urgency="digest"), known, NOON)

    # then
    (flush,) = told(effects)
    assert flush == FlushDigest(recipient_id=partition("ines"), at=NOON)
    assert any(put.document.get("due_at") == "2026-03-10T12:00:00Z" for put in effects.puts)


def test_a_record_that_changes_twice_is_news_twice_and_a_saga_is_not_its_order() -> None:
    change = ChangeDetected(item_id="I-1", change_type="correction", changed=("/b", "/a"))
    saga = SagaCompleted(saga_id="S-1", subject="O-1", customer_id="C-1")

    assert change.news == change.model_copy(update={"changed": ("/a", "/b")}).news
    assert change.news != change.model_copy(update={"change_type": "escalation"}).news
    assert saga.news != saga.model_copy(update={"saga_id": "S-2"}).news
