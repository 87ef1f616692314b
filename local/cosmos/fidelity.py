"""what the emulator claims about itself -> FIDELITY.md"""

from local.fidelity import Claim

_BAD_INPUT = "tests/local/cosmos/test_cosmos_bad_input.py::"
_BATCH = "tests/local/cosmos/test_cosmos_batch.py::"
_CONCURRENCY = "tests/local/cosmos/test_cosmos_concurrency.py::"
_DURABILITY = "tests/local/cosmos/test_cosmos_durability.py::"
_FAULTS = "tests/local/cosmos/test_cosmos_faults.py::"
_FEED = "tests/local/cosmos/test_cosmos_change_feed.py::"
_ITEMS = "tests/local/cosmos/test_cosmos_items.py::"
_LANGUAGE = "tests/local/cosmos/test_cosmos_query_language.py::"
_PARTITION = "tests/local/cosmos/test_cosmos_partition.py::"
_PATCH = "tests/local/cosmos/test_cosmos_patch_rules.py::"
_QUERIES = "tests/local/cosmos/test_cosmos_queries.py::"
_ROLES = "tests/local/cosmos/test_cosmos_roles.py::"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "Items: create, read, upsert, replace, delete",
        "works",
        "With ETags (If-Match, If-None-Match), system properties, `_self` links and the documented id rules.",
        _ITEMS + "test_a_write_with_a_stale_etag_fails_with_412",
    ),
    Claim(
        "Replace with another id",
        "refused",
        "An item keeps the id it was created with.",
        _BAD_INPUT + "test_bad_input_is_answered_in_words",
    ),
    Claim(
        "Partial document update (patch)",
        "works",
        "add, set, replace, remove, incr, move; a condition; at most 10 operations, all or none.",
        _PATCH + "test_a_patch_does_what_the_documentation_says_or_nothing",
    ),
    Claim(
        "Transactional batch",
        "works",
        "100 operations, 2 MB, one partition; 207 with 424 for those that did not fail themselves.",
        _BATCH + "test_a_batch_is_all_or_nothing",
    ),
    Claim(
        "Optimistic concurrency",
        "works",
        "Requests are carried out one after another.",
        _CONCURRENCY + "test_a_counter_under_etags_loses_no_increment",
    ),
    Claim("Unique keys", "works", "Within a logical partition.", _ITEMS + "test_a_unique_key_holds_within_a_partition"),
    Claim(
        "Time to live",
        "differs",
        "An item expires `ttl` seconds after its last write to the millisecond; Azure counts from `_ts` in seconds.",
        _ITEMS + "test_an_item_expires_after_its_ttl",
    ),
    Claim(
        "Item size",
        "works",
        "413 above 2 MB of JSON as UTF-8, system properties included.",
        _BAD_INPUT + "test_an_item_of_two_megabytes_is_stored_and_one_byte_more_is_not",
    ),
    Claim(
        "Partition keys",
        "works",
        "Hash version 2 and hierarchical keys, placed by the same hash as in Azure; version 1 is refused, and a "
        "definition without a version means version 2.",
        _PARTITION + "test_a_single_key_is_where_the_sdk_expects_it",
    ),
    Claim(
        "Physical partitions",
        "differs",
        "`ranges` of them, evenly split, the same for every container; they never split or merge.",
        _PARTITION + "test_every_key_is_in_exactly_one_range",
    ),
    Claim(
        "Change feed, latest version (pull)",
        "works",
        "From the beginning, now, a date or a continuation; for a feed range or a partition key. A batch has one LSN, "
        "and a page never cuts it.",
        _FEED + "test_a_live_reader_loses_nothing_and_sees_no_version_twice",
    ),
    Claim(
        "Change feed, all versions and deletes",
        "refused",
        "400 that names the mode.",
        _FEED + "test_a_feed_of_all_versions_is_refused_by_name",
    ),
    Claim(
        "Queries",
        "works",
        "SELECT, WHERE, GROUP BY, ORDER BY, OFFSET LIMIT, TOP, DISTINCT, VALUE and aggregates, with Cosmos' idea of "
        "undefined and of comparable types.",
        _LANGUAGE + "test_a_filter_means_what_the_oracle_says",
    ),
    Claim(
        "Queries: JOIN, EXISTS, subqueries, user-defined and most built-in functions",
        "refused",
        "400 that names the part and lists what is supported.",
        _QUERIES + "test_what_is_outside_the_subset_is_refused_by_name",
    ),
    Claim(
        "Queries: equality of different types",
        "differs",
        "`1 = 'x'` is false, as in Microsoft's own evaluator; the documentation says undefined. It shows under NOT "
        "and != only.",
        _QUERIES + "test_a_filter_keeps_what_it_is_true_for",
    ),
    Claim(
        "Queries: ORDER BY several properties",
        "works",
        "Refused without a matching composite index, as in Azure; other rules of the indexing policy are not checked.",
        _QUERIES + "test_an_order_by_two_properties_needs_a_composite_index",
    ),
    Claim(
        "Queries across partitions",
        "differs",
        "Answered in one go, without a query plan. GROUP BY and aggregates without VALUE are refused, because "
        "azure-cosmos for Python cannot merge them in Azure.",
        _QUERIES + "test_what_the_sdk_cannot_do_across_partitions_in_azure_is_refused",
    ),
    Claim(
        "Queries: paging",
        "works",
        "A continuation is a position in the result, so writes between two pages shift nothing.",
        _QUERIES + "test_a_continuation_is_not_moved_by_what_is_written_meanwhile",
    ),
    Claim(
        "Consistency",
        "differs",
        "Announced as Session, with session tokens; every read in fact sees the latest write.",
        _FEED + "test_a_session_reads_its_own_writes",
    ),
    Claim(
        "Request units and throttling",
        "differs",
        "Charges are made up and throughput is ignored. A 429 comes when it is asked for at /_emulator/faults.",
        _FAULTS + "test_the_sdk_waits_out_a_429_and_succeeds",
    ),
    Claim(
        "Data-plane roles",
        "works",
        "Built-in Data Reader and Data Contributor at account, database or container; each principal signs with a key "
        "of its own instead of an Entra token.",
        _ROLES + "test_a_principal_may_do_what_its_grants_say",
    ),
    Claim(
        "Entra tokens",
        "refused",
        "401 that says to connect with an account key; the SDK would want TLS for them too (`tls` serves it).",
        _BAD_INPUT + "test_a_request_that_nobody_signed_is_a_401",
    ),
    Claim(
        "Durability",
        "differs",
        "With a state directory every acknowledged write survives a killed process, not a power failure.",
        _DURABILITY + "test_kill_9_loses_no_acknowledged_write",
    ),
    Claim(
        "Stored procedures, triggers, functions, users, permissions, conflicts, offers",
        "refused",
        "400 that names the resource.",
        _BAD_INPUT + "test_bad_input_is_answered_in_words",
    ),
)
