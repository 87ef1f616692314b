"""What this emulator claims, as data for FIDELITY.md; every claim that works or differs names its test"""

from typing import Final

from local.fidelity import Claim

CLAIMS: Final[tuple[Claim, ...]] = (
    # Sending
    Claim("Messages with all properties", "works", "", "test_a_message_arrives_with_all_its_properties"),
    Claim("Data, value and sequence bodies", "works", "", "test_a_body_of_any_amqp_type_survives"),
    Claim("Batches", "works", "taken whole or not at all", "test_a_batch_is_split_into_its_messages"),
    Claim(
        "Message size limit",
        "works",
        "262,144 bytes as in Standard, or what is configured",
        "test_a_message_over_the_announced_size_is_refused_and_the_sender_goes_on",
    ),
    Claim(
        "Duplicate detection",
        "works",
        "on queues and topics; a message without an id is never a duplicate",
        "test_a_repeated_message_id_is_dropped_within_the_window_and_taken_after_it",
    ),
    Claim(
        "Scheduled messages",
        "works",
        "by property and by operation, cancellable, with a new number when due",
        "test_a_scheduled_message_comes_when_it_is_due_with_a_new_number",
    ),
    Claim(
        "Scheduled messages on topics",
        "works",
        "the topic holds them under its own numbers and fans out when due",
        "test_a_topic_holds_what_is_scheduled_and_fans_out_when_it_is_due",
    ),
    # Receiving and settling
    Claim(
        "Peek-lock, renewal and expiry",
        "works",
        "",
        "test_a_message_whose_lock_expired_is_delivered_again_and_the_late_settlement_fails",
    ),
    Claim("Receive-and-delete", "works", "", "test_receive_and_delete_takes_messages_without_settling"),
    Claim(
        "Maximum delivery count",
        "works",
        "",
        "test_an_abandoned_message_comes_again_until_it_is_dead_lettered",
    ),
    Claim(
        "Dead-letter queue",
        "works",
        "reason and description as application properties, sequence number kept",
        "test_a_dead_lettered_message_keeps_its_properties_and_gains_the_reason",
    ),
    Claim(
        "Deferral",
        "works",
        "an abandoned deferred message stays deferred",
        "test_a_deferred_message_stays_deferred_unless_completed",
    ),
    Claim("Peek", "works", "in whatever state", "test_peek_shows_messages_in_every_state_and_locks_none"),
    Claim(
        "Time to live",
        "works",
        "the shortest of message, topic and subscription or queue",
        "test_the_shortest_of_message_topic_and_subscription_life_counts",
    ),
    # Topics
    Claim(
        "Subscriptions and $Default",
        "works",
        "without rules everything, with rules only what they match, and one copy",
        "test_several_matching_rules_of_one_subscription_make_one_copy",
    ),
    Claim("Correlation filters", "works", "case-sensitive, with types", "test_a_correlation_filter_compares_exactly"),
    Claim(
        "SQL filters",
        "works",
        "three-valued logic, arithmetic, IN, LIKE, EXISTS, IS NULL",
        "test_logic_and_integer_arithmetic_agree_with_sqlite",
    ),
    Claim(
        "SQL functions and parameters",
        "refused",
        "newid(), property() and @parameters: when the config is read, with text and position",
        "test_what_is_no_filter_is_refused_with_place_and_reason",
    ),
    Claim(
        "Filter evaluation errors",
        "differs",
        "a division by zero or operands of different types are unknown and do not match; Azure can dead-letter them",
        "test_a_filter_does_not_match_what_is_false_or_unknown",
    ),
    Claim(
        "Rule actions",
        "differs",
        "SET of application properties to text, a copy per rule with an action; any other action is refused",
        "test_rules_without_actions_make_one_copy_and_each_action_one_of_its_own",
    ),
    # Forwarding
    Claim(
        "Auto-forwarding",
        "works",
        "refused from and to entities with sessions, as in Azure",
        "test_a_forwarding_queue_passes_messages_on_and_cannot_be_received_from",
    ),
    Claim(
        "Forwarding of dead letters",
        "works",
        "with reason and x-opt-deadletter-source, and also from entities with sessions, where Azure is unclear",
        "test_dead_letters_are_forwarded_with_their_reason_and_source",
    ),
    Claim(
        "Transfer dead-letter queue",
        "works",
        "after four hops, or when the target would refuse the message",
        "test_a_message_forwarded_too_often_ends_in_the_transfer_dead_letter_queue",
    ),
    # Sessions
    Claim("Sessions in order", "works", "", "test_a_session_receiver_gets_its_session_only_and_in_order"),
    Claim(
        "Next available session",
        "works",
        "the one whose message waits longest; Azure promises no order",
        "test_next_available_takes_the_session_that_waits_longest_and_is_free",
    ),
    Claim(
        "Session locks",
        "works",
        "expiry closes the receiver and counts the delivery, closing does not",
        "test_an_expired_session_lock_closes_the_receiver_and_counts_the_delivery",
    ),
    Claim(
        "A receiver of a session that dies",
        "differs",
        "the session is free at once and its deliveries count; Azure may hold it until its lock expires",
        "test_a_session_receiver_that_dies_frees_its_session_and_its_delivery_counts",
    ),
    Claim("Session state", "works", "", "test_session_state_stays_when_the_receiver_goes"),
    Claim("Listing sessions", "works", "", "test_sessions_with_messages_can_be_listed"),
    # Security
    Claim(
        "Data roles",
        "works",
        "Sender, Receiver and Owner at namespace, queue, topic or subscription, by key",
        "test_an_operation_needs_its_role_and_says_so_promptly",
    ),
    Claim("SAS tokens", "works", "signature, resource and expiry", "test_a_token_that_proves_nothing_says_why"),
    Claim(
        "Entra tokens",
        "refused",
        "the emulator has no directory: one key stands for one identity",
        "test_a_token_that_proves_nothing_says_why",
    ),
    Claim(
        "An expired token on an open link",
        "differs",
        "the link lives on and only new links and requests need a valid token; Azure closes it",
        "test_a_link_outlives_its_token_but_a_new_one_needs_another",
    ),
    # The rest
    Claim("Restart and kill -9", "works", "with a state directory", "test_everything_unsettled_survives_a_kill"),
    Claim(
        "A message locked at a crash",
        "differs",
        "available at once with its delivery counted; Azure's locks outlive a broker",
        "test_everything_unsettled_survives_a_kill",
    ),
    Claim(
        "Short durations",
        "differs",
        "locks, windows and lives below Azure's minimum are taken, with a warning",
        "test_durations_that_azure_would_refuse_are_named",
    ),
    Claim(
        "Transactions",
        "refused",
        "amqp:not-implemented",
        "test_an_attach_without_address_or_token_is_refused_with_null_termini",
    ),
    Claim(
        "TLS and websockets",
        "refused",
        "plain AMQP on 127.0.0.1 only",
        "test_another_protocol_gets_our_header_and_is_closed",
    ),
    Claim("Management over HTTP", "refused", "entities come from Config.json and do not change while it runs"),
    Claim("Partitioned entities, auto-delete, quotas", "refused", "Config.json has no field for them"),
)
