"""what the mailbox claims about itself -> FIDELITY.md"""

from local.fidelity import Claim

_MAILBOX = "tests/local/mailbox/test_mailbox.py::"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "Channels",
        "differs",
        "Every channel is apprise's json:// to one store on this machine; no mail server, no Slack, no carrier. What a "
        "real channel makes of a message is not seen here.",
        _MAILBOX + "test_apprise_delivers_with_recipient_and_key",
    ),
    Claim(
        "Idempotency keys",
        "differs",
        "Kept and shown, never acted on: what is sent twice is there twice.",
        _MAILBOX + "test_what_is_sent_twice_is_there_twice",
    ),
    Claim(
        "A channel that fails",
        "works",
        "Refusals, delays, and connections that break after the message was taken, by knobs.",
        _MAILBOX + "test_a_trouble_is_met_as_often_as_it_was_said",
    ),
)
