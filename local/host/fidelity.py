"""what the host claims about itself -> FIDELITY.md"""

from local.fidelity import Claim

_APPS = "tests/local/host/test_apps.py::"
_BUS = "tests/local/host/test_service_bus.py::"
_COSMOS = "tests/local/host/test_cosmos.py::"
_HTTP = "tests/local/host/test_http.py::"
_JSON = "tests/local/host/test_host_json.py::"
_MESSAGES = "tests/local/host/test_messages.py::"
_SESSIONS = "tests/local/host/test_sessions.py::"
_SIGN_IN = "tests/local/host/test_sign_in.py::"
_SETTINGS = "tests/local/host/test_settings.py::"
_TIMERS = "tests/local/host/test_timers.py::"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "maxConcurrentCalls",
        "works",
        "Counts per function, as in the extension, where each function has a processor of its own.",
        _BUS + "test_as_many_calls_run_at_once_as_host_json_allows_and_no_more",
    ),
    Claim(
        "Message of a Service Bus trigger",
        "works",
        "Made by the library's converter from the properties that the extension 5.x sends: deliveries count from 1, "
        "times are UTC without an offset.",
        _MESSAGES + "test_a_function_sees_what_it_would_see_in_azure",
    ),
    Claim(
        "Failure of a Service Bus function",
        "works",
        "The message is abandoned and comes again at once, until it is dead-lettered.",
        _BUS + "test_a_message_whose_function_raises_is_delivered_again_and_dead_lettered_in_the_end",
    ),
    Claim(
        "maxAutoLockRenewalDuration",
        "works",
        "Not for batches, as in Azure.",
        _BUS + "test_a_call_that_outlasts_the_lock_keeps_its_message",
    ),
    Claim(
        "maxConcurrentSessions, sessionIdleTimeout",
        "works",
        "One message at a time within a session; maxConcurrentCallsPerSession other than 1 is refused.",
        _SESSIONS + "test_a_sessions_messages_come_strictly_in_order_and_sessions_run_side_by_side",
    ),
    Claim(
        "Session held for maxAutoLockRenewalDuration",
        "differs",
        "It is given back between two messages; Azure goes on until the lock is lost in the middle of one.",
        _SESSIONS + "test_a_session_that_was_held_for_long_enough_is_given_back_between_two_messages",
    ),
    Claim(
        "functionTimeout",
        "differs",
        "An async function is cancelled and its message comes again; a thread runs on unheeded. Azure restarts the "
        "worker process, and with it whatever else was running there.",
        _BUS + "test_a_call_that_outlasts_function_timeout_is_cancelled_and_its_message_comes_again",
    ),
    Claim(
        "Batches (cardinality many)",
        "works",
        "One call at a time, settled as a whole; minMessageBatchSize and maxBatchWaitTime are refused.",
        _BUS + "test_cardinality_many_brings_lists_up_to_the_batch_size_one_call_at_a_time",
    ),
    Claim(
        "Scaling out",
        "differs",
        "There is no scale controller: start more hosts, they share what there is.",
        _BUS + "test_two_hosts_share_a_subscription_and_each_message_is_handled_once",
    ),
    Claim(
        "Dynamic concurrency",
        "refused",
        "The host keeps the limits it is given.",
        _JSON + "test_a_host_json_with_a_mistake_is_refused",
    ),
    Claim(
        "Unknown keys in host.json",
        "differs",
        "They are refused with the nearest name; Azure ignores them.",
        _JSON + "test_a_host_json_with_a_mistake_is_refused",
    ),
    Claim(
        "Failure of a Cosmos DB function",
        "works",
        "Without a retry policy the batch is lost, as in Azure; with one it comes again, counted in memory.",
        _COSMOS + "test_a_batch_whose_function_raises_is_lost_without_a_retry_policy",
    ),
    Claim(
        "Cosmos DB leases",
        "differs",
        "Own documents in the lease container, with owner, expiry and ETag; never share it with a host in Azure. "
        "Splits of a range are not followed until the next start.",
        _COSMOS + "test_two_hosts_share_the_ranges_equally",
    ),
    Claim(
        "lease_container_prefix",
        "works",
        "Two functions on one container without prefixes share one feed.",
        _COSMOS + "test_two_functions_share_one_feed_unless_each_has_its_own_lease_prefix",
    ),
    Claim(
        "Timers on several instances",
        "differs",
        "Every host runs its own timers; in Azure a blob lease lets one instance run them.",
        _TIMERS + "test_a_timer_runs_when_it_is_due_never_twice_at_once",
    ),
    Claim(
        "use_monitor",
        "differs",
        "A missed run is made up for where the host is given a folder to remember in (`--state`).",
        _TIMERS + "test_a_run_that_was_missed_while_the_host_was_down_is_made_up_for",
    ),
    Claim(
        "HTTP",
        "works",
        "Routes, methods, keys and errors as the host gives them; a wrong method is 404, not 405.",
        _HTTP + "test_a_request_is_answered_as_the_functions_host_answers",
    ),
    Claim(
        "App Service authentication",
        "works",
        "Bearer tokens, for the apps that the program guards: signature, issuer, audience and expiry are checked, 401 "
        "with WWW-Authenticate else; X-MS-CLIENT-PRINCIPAL, -ID, -NAME and -IDP are set, whatever a client sends in "
        "X-MS-* is taken away.",
        _SIGN_IN + "test_nobody_reaches_a_guarded_app_without_a_token_that_counts",
    ),
    Claim(
        "App Service authentication, who issues tokens",
        "differs",
        "The stack's own key pair (`python -m local token`), not Entra; no login page, cookies, token store or "
        "/.auth paths; clocks must agree to the second. An app that the program does not guard is open on 127.0.0.1.",
        _SIGN_IN + "test_an_app_that_nobody_guards_is_open_and_is_told_of_no_caller",
    ),
    Claim(
        "Key Vault references",
        "differs",
        "They are resolved from a local JSON file, once, at start.",
        _SETTINGS + "test_a_key_vault_reference_becomes_its_secret",
    ),
    Claim(
        "Identity-based connections",
        "differs",
        "`__credential` and `__clientId` are not read: the identity is that of DefaultAzureCredential, say az login's.",
        _SETTINGS + "test_a_connection_is_found_by_the_functions_convention",
    ),
    Claim(
        "Other triggers, input and output bindings",
        "refused",
        "At start, naming the function.",
        _APPS + "test_every_function_that_cannot_be_hosted_is_said_at_once",
    ),
)
