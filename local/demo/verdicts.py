"""world + lines -> what became of each line, in every pattern that it reached: looked up, never assumed.

A line's event goes to every subscription that listens to it; each leaves an inbox marker, which names the events that
followed, or a dead letter. So each line is a tree, and each event has exactly one verdict at each of its listeners:

committed, stale   an inbox marker says so
dead-lettered      it lies in `dead-letters`, with a reason
scheduled          it waits for a later hour
duplicate          an earlier line has the same id and content, and a verdict: nothing was added
refused            the door did not take it
written            a database write, which a change feed may show to a pattern
unheard            the door took it, and no registered pattern listens
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.demo.lines import Line
from local.demo.listeners import Listener, Listeners
from local.demo.world import DeadLetter, Document, Entry, Event, Identity, Version, World


@dataclass(frozen=True)
class Verdict:
    """What became of an event at one listener; `detail` says more, `at` when."""

    kind: str
    detail: str = ""
    why: str = ""
    at: str = ""
    attempt: int = 1


@dataclass(frozen=True)
class Handled:
    """One event at one listener, with every verdict that was found: exactly one, if all is well.

    `pattern` is empty for what ended at the door: refused, written, unrouted.
    """

    type: str
    key: str
    verdicts: tuple[Verdict, ...]
    pattern: str = ""
    subscription: str = ""

    @property
    def is_right(self) -> bool:
        return len(self.verdicts) == 1

    @property
    def verdict(self) -> Verdict:
        """Its verdict, or what stands in for one while there is none."""
        return self.verdicts[0] if self.verdicts else Verdict("missing")


@dataclass(frozen=True)
class Story:
    """What became of one line: where it arrived, and what followed from that. What came in by itself has no line."""

    line: Line | None
    entry: tuple[Handled, ...]
    followed: tuple[Handled, ...] = ()

    @property
    def all(self) -> tuple[Handled, ...]:
        return (*self.entry, *self.followed)

    @property
    def is_right(self) -> bool:
        return all(one.is_right for one in self.all)

    @property
    def is_told(self) -> bool:
        """Whether there is a verdict everywhere; that there are two somewhere does not become better by waiting."""
        return all(one.verdicts for one in self.all)


def stories(lines: Sequence[Line], world: World, listeners: Listeners) -> list[Story]:
    """Every line's story, and at the end those of what came in by itself: by a change feed, a timer, a person."""
    return _Teller(world, listeners).tell(lines)


class _Teller:
    def __init__(self, world: World, listeners: Listeners) -> None:
        self._world, self._listeners = world, listeners
        self._letters: defaultdict[tuple[Identity, str], list[DeadLetter]] = defaultdict(list)
        for letter in {each.origin: each for each in world.dead}.values():
            self._letters[letter.identity, letter.subscription].append(letter)
        self._parked: dict[tuple[str, str], DeadLetter] = {
            (letter.identity.key, letter.subscription): letter for letter in world.dead
        }
        self._written: defaultdict[str, list[Sequence[Version]]] = defaultdict(list)
        for shown in world.versions.values():
            for at, version in enumerate(shown):
                self._written[version.cause].append(shown[at:])
        self._told: set[str] = set()

    def tell(self, lines: Sequence[Line]) -> list[Story]:
        first: dict[Identity, Story] = {}
        found: list[Story] = []
        for line in lines:
            identity = self._identity(line)
            earlier = first.get(identity) if line.kind == "event" else None
            story = self._again(line, earlier) if earlier else self._of(line)
            first.setdefault(identity, story)
            found.append(story)
        return [*found, *self._by_itself()]

    # -- where a line arrived --------------------------------------------------------------------------------------

    def _identity(self, line: Line) -> Identity:
        key = self._world.entries.get(line.number, Entry()).key or line.key
        return Identity(key, line.fingerprint) if key else Identity(line.message_id, line.text)

    def _of(self, line: Line) -> Story:
        if why := self._world.refused.get(line.number):
            found = [verdict for one in self._arrived(line) for verdict in one.verdicts]
            return Story(line, (Handled(line.subject or "", "", (Verdict("refused", why), *found)),))
        entry = self._world.entries.get(line.number)
        if entry and entry.place:
            followed = [one for event in self._shown(entry) for one in self._follow(event)]
            return Story(line, (Handled("write", "", (Verdict("written", entry.place.container),)),), tuple(followed))
        if entry is None and line.kind != "event":
            return Story(line, (Handled(line.subject or "", "", ()),))  # not yet sent
        arrived = self._arrived(line)
        took_effect = [one.key for one in arrived if one.verdict.kind in ("committed", "stale")]
        return Story(line, arrived, tuple(self._rest(took_effect[:1])))

    def _arrived(self, line: Line) -> tuple[Handled, ...]:
        entry = self._world.entries.get(line.number)
        event = Event(
            entry.topic if entry else self._listeners.topic_of(line.subject).name,
            entry.type if entry else line.subject or "",
            self._identity(line).key,
            line.fingerprint if line.kind == "event" else "",
        )
        identity = self._identity(line)
        heard = self._listeners.to(event.topic, event.type)
        self._told.add(event.key)
        if heard:
            return tuple(self._at(event, one, self._take(identity, one.name)) for one in heard)
        if entry is not None and entry.topic != self._listeners.topic_of(None).name:
            return (Handled(event.type, event.key, (Verdict("unheard", f"nobody listens on {event.topic}"),)),)
        return (Handled(event.type, event.key, tuple(_parked(one) for one in self._take(identity, ""))),)

    def _again(self, line: Line, earlier: Story) -> Story:
        """A line that came before: it may have been parked once more, else it added nothing."""
        if why := self._world.refused.get(line.number):
            return Story(line, (Handled(line.subject or "", "", (Verdict("refused", why),)),))
        again: list[Handled] = []
        for one in earlier.entry:
            letters = self._take(self._identity(line), one.subscription)
            verdicts = tuple(_parked(letter) for letter in letters)
            if not verdicts and one.verdicts:
                verdicts = (Verdict("duplicate", "as an earlier line"),)
            again.append(Handled(one.type, one.key, verdicts, one.pattern, one.subscription))
        return Story(line, tuple(again))

    def _take(self, identity: Identity, subscription: str) -> list[DeadLetter]:
        """The next dead letter of this event: lines that are alike have one each."""
        for name in (subscription, ""):
            if letters := self._letters[identity, name]:
                return [letters.pop(0)]
        return []

    # -- what followed ---------------------------------------------------------------------------------------------

    def _shown(self, entry: Entry) -> Iterator[Event]:
        """What a change feed made of a write by somebody else."""
        versions = self._world.versions.get(entry.place, ()) if entry.place else ()
        at = next((n for n, version in enumerate(versions) if version.etag == entry.etag), None)
        return self._made_of(versions[at:] if at is not None else [one for one in versions if one.ts >= entry.ts])

    def _made_of(self, versions: Sequence[Version]) -> Iterator[Event]:
        """What a change feed made of the first of these versions: its own event, or that of a later one, if the feed
        has passed over it.
        """
        by_topic: dict[str, list[Event]] = {}
        for event in (event for version in versions for event in version.events):
            by_topic.setdefault(event.topic, []).append(event)
        for events in by_topic.values():
            yield next((event for event in events if self._is_known(event.key)), events[-1])

    def _is_known(self, key: str) -> bool:
        return key in self._world.markers or any(key == parked for parked, _ in self._parked)

    def _follow(self, event: Event) -> list[Handled]:
        """An event at all its listeners, and everything that followed."""
        self._told.add(event.key)
        here = [self._at(event, one, self._letter(event.key, one.name)) for one in self._heard(event)]
        return [*here, *self._rest([event.key])]

    def _rest(self, keys: Iterable[str]) -> Iterator[Handled]:
        """What the events of these keys led to, breadth first: that is about the order in which it happened."""
        ahead = deque(keys)
        while ahead:
            for event in self._next(ahead.popleft()):
                if event.key not in self._told:
                    self._told.add(event.key)
                    ahead.append(event.key)
                    yield from (self._at(event, one, self._letter(event.key, one.name)) for one in self._heard(event))

    def _next(self, key: str) -> Iterator[Event]:
        """What its markers announced, and what change feeds made of the documents that were written for it."""
        for marker in self._world.markers.get(key, ()):
            yield from map(_announced, marker.get("announced", ()))
        for versions in self._written.get(key, ()):
            yield from self._made_of(versions)

    def _heard(self, event: Event) -> list[Listener]:
        return self._listeners.to(event.topic, event.type)

    def _letter(self, key: str, subscription: str) -> list[DeadLetter]:
        found = self._parked.get((key, subscription)) or self._parked.get((key, ""))
        return [found] if found else []

    def _at(self, event: Event, listener: Listener, letters: Sequence[DeadLetter]) -> Handled:
        """An event at one listener. The marker of another content under the same id is not its own."""
        verdicts = [_parked(letter) for letter in letters]
        verdicts += [
            _marked(marker)
            for marker in self._world.markers.get(event.key, ())
            if marker["consumer"] == listener.name and event.content in ("", marker["fingerprint"])
        ]
        if not verdicts and event.at and datetime.fromisoformat(event.at) > self._world.at:
            verdicts.append(Verdict("scheduled", f"for {event.at}", at=event.at))
        return Handled(event.type, event.key, tuple(verdicts), listener.pattern, listener.name)

    # -- what came in by itself ------------------------------------------------------------------------------------

    def _by_itself(self) -> list[Story]:
        """The last version of each document that a feed shows must have a verdict; all else is there, or is not."""
        expected = [event for shown in self._world.versions.values() for last in shown[-1:] for event in last.events]
        caused = {one["key"] for ms in self._world.markers.values() for m in ms for one in m.get("announced", ())}
        there = [(m["consumer"], m["event_type"], key) for key, ms in self._world.markers.items() for m in ms[:1]]
        there += [(one.subscription, one.event_type, one.identity.key) for one in self._world.dead]
        events = {event.key: event for event in expected}
        for consumer, kind, key in there:
            listener = self._listeners.of(consumer, kind)
            if listener and key not in caused:
                events.setdefault(key, Event(listener.topic.name, kind, key))
        return [
            Story(None, tuple(found[:1]), tuple(found[1:]))
            for event in events.values()
            if event.key not in self._told and (found := self._follow(event))
        ]


def _announced(entry: Document) -> Event:
    return Event(entry["topic"], entry["type"], entry["key"], at=str(entry.get("at", "")))


def _parked(letter: DeadLetter) -> Verdict:
    return Verdict("dead-lettered", letter.reason, letter.description, attempt=letter.attempt)


def _marked(marker: Document) -> Verdict:
    note: Any = marker.get("note") or ""
    return Verdict(marker["verdict"], str(note), at=str(marker["at"]), attempt=int(marker.get("attempt", 1)))
