import json
from pathlib import Path

import pytest

from local.demo import samples
from local.demo.lines import read_lines
from local.demo.run import Run, begin, read
from local.demo.samples import EVENTS, of_pattern
from local.demo.world import Entry, Place
from local.processes import StackError
from samples.generate import HERE, events, reference
from services.kernel.topology import Topology
from services.registry import PATTERNS


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_text('{"type": "order_placed", "data": {}}\n')
    return path


def saved(folder: Path, file: Path, *, finished: bool = False) -> Run:
    run, _ = begin(folder, [file], fresh=False)
    run.sent[1] = 1.0
    run.entries[1] = Entry("insights", "alert_fired", "k")
    run.entries[3] = Entry(place=Place("items", "C-1", "C-1"), etag="e", ts=7)
    run.refused[2] = "too large"
    run.finished = finished
    run.save(folder)
    return run


def test_a_run_that_was_cut_off_is_resumed_with_what_it_had_sent(tmp_path: Path, file: Path) -> None:
    before = saved(tmp_path, file)

    after, why = begin(tmp_path, [file], fresh=False)

    assert after == before
    assert "resumed" in why


@pytest.mark.parametrize("how", ["finished", "asked for", "another file", "never ran", "unreadable"])
def test_any_other_run_starts_clean_and_says_why(tmp_path: Path, file: Path, how: str) -> None:
    if how != "never ran":
        saved(tmp_path, file, finished=how == "finished")
    if how == "another file":
        file.write_text("changed\n")
    if how == "unreadable":
        (tmp_path / "run.json").write_text("{")

    run, why = begin(tmp_path, [file], fresh=how == "asked for")

    assert run.sent == {}
    assert "fresh start" in why


@pytest.mark.parametrize(("content", "told"), [(None, "No such file"), (b"", "holds no line"), (b"\xff\xfe", "UTF-8")])
def test_a_file_that_cannot_be_played_is_refused_by_name(tmp_path: Path, content: bytes | None, told: str) -> None:
    path = tmp_path / "mine.jsonl"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(StackError, match=r"mine\.jsonl") as refused:
        read_lines(path, "run")

    assert told in str(refused.value)


def test_only_a_newline_ends_a_line_and_a_byte_order_mark_is_none_of_it(tmp_path: Path) -> None:
    # given: what Unicode calls line ends, within JSON texts, where they are allowed
    path = tmp_path / "events.jsonl"
    texts = [json.dumps({"type": "t", "data": {"text": f"a{end}b"}}, ensure_ascii=False) for end in "\u2028\u2029\x85"]
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*texts, ""]).encode())

    # when
    lines = read_lines(path, "run")

    # then
    assert [line.text for line in lines] == texts
    assert all(line.key for line in lines)


def test_every_line_gets_a_message_id_that_is_the_same_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    long = json.dumps({"specversion": "1.0", "id": "x" * 500, "source": "/s", "type": "t", "data": {}})
    path.write_text(
        '{"specversion": "1.0", "id": "7", "source": "/s", "type": "t", "data": {}}\nno json\n' + long + "\n"
    )

    first, again = read_lines(path, "run"), read_lines(path, "run")

    assert first == again
    assert first[0].message_id.startswith("7~")
    assert first[1].message_id == "run-line-2"
    assert first[1].key is None
    assert len(first[2].message_id) <= 128


def test_the_samples_are_what_their_generator_writes() -> None:
    assert EVENTS.read_text().splitlines() == events()
    assert (HERE / "documents" / "reference.jsonl").read_text().splitlines() == reference()


def test_the_samples_hold_what_they_promise() -> None:
    lines = read_lines(EVENTS, "run")
    keys = [line.key for line in lines if line.key]

    assert 120 <= len(lines) <= 220
    assert len(keys) - len(set(keys)) >= 5, "duplicates"
    assert sum(1 for line in lines if line.key is None) >= 4, "broken ones"
    assert sum("nstructions" in line.text or "SYSTEM" in line.text for line in lines) >= 4, "injections"
    assert {"customer_created", "order_placed", "feedback_received"} <= {line.subject for line in lines}


def test_the_lines_of_several_files_are_numbered_through_and_found_by_file_and_line(tmp_path: Path) -> None:
    # given: the same bare line in two files: two events, for nothing but the file tells them apart
    for name in ("one", "two"):
        (tmp_path / f"{name}.jsonl").write_text('\n{"type": "order_placed", "data": {}}\n')

    # when
    lines = read(Run("r", [str(tmp_path / "one.jsonl"), str(tmp_path / "two.jsonl")], ""))

    # then
    assert [(line.number, line.place) for line in lines] == [(1, "one 2"), (2, "two 2")]
    assert lines[0].key != lines[1].key


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"type": "order_placed", "data": {}}', "event"),
        ('{"type": "order_placed", "data": {}, "write": "items"}', "event"),
        ('{"write": "items", "document": {"id": "C-1", "entity_id": "C-1"}}', "write"),
        ('{"write": "items"}', "write"),
        ('{"schemaId": "azureMonitorCommonAlertSchema", "data": {}}', "alert"),
        ("[]", "event"),
        ("no json", "event"),
        ("[" * 100_000, "event"),
    ],
)
def test_a_line_is_what_it_looks_like_and_what_looks_like_nothing_is_sent_as_an_event(
    tmp_path: Path, text: str, kind: str
) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text(text)

    (line,) = read_lines(path, "run")

    assert line.kind == kind


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("infrence", "did you mean inference?"),
        ("nothing", "registered are inference"),
        ("mute", "mute.jsonl is not there"),
    ],
)
def test_a_pattern_that_cannot_be_played_is_refused_with_what_can_be(asked: str, told: str) -> None:
    with pytest.raises(StackError) as refused:
        of_pattern(asked, (*PATTERNS, Topology("mute")))

    assert told in str(refused.value)


def test_a_pattern_is_found_as_it_is_called_in_azure_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "SAMPLES", tmp_path)
    (tmp_path / "event_sourcing.jsonl").touch()

    assert of_pattern("Event-Sourcing", [Topology("event_sourcing")]) == tmp_path / "event_sourcing.jsonl"
