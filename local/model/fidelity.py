"""what the stand-in claims about itself -> FIDELITY.md"""

from local.fidelity import Claim

_API = "tests/local/model/test_api.py::"
_FAULTS = "tests/local/model/test_faults.py::"
_SCHEMA = "tests/local/model/test_schema.py::"
_STABILITY = "tests/local/model/test_stability.py::"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "Understanding",
        "differs",
        "No language model runs here: an answer is the question's own rules, in about 15 % of cases another legal "
        "choice. Nothing can be learned from it about the quality of a prompt.",
        _STABILITY + "test_about_fifteen_in_a_hundred_answers_differ_from_the_rules",
    ),
    Claim(
        "Repeatability",
        "differs",
        "The same question about the same facts gets the same answer, in any order and any process; a real model's "
        "answers vary from call to call.",
        _STABILITY + "test_another_process_gives_the_same_answers",
    ),
    Claim(
        "Prompt injection",
        "differs",
        "The knob `obey` makes every text in the facts an order, followed by a word list; real models mostly resist "
        "and sometimes follow in ways that no word list foresees.",
        _API + "test_the_model_that_obeys_takes_orders_from_the_facts_and_stays_within_the_schema",
    ),
    Claim(
        "Chat completions with the official client",
        "works",
        "`create` and `parse`, under OpenAI's path and that of Azure's v1 API.",
        _API + "test_the_sdk_parses_the_answer_into_the_model_it_was_asked_for",
    ),
    Claim(
        "Structured outputs: supported schemas",
        "works",
        "Azure's subset: closed objects, everything required, no bounds, 100 properties, 5 levels, with the API's "
        "sentences where they are known. OpenAI itself takes bounds and larger schemas.",
        _SCHEMA + "test_a_schema_that_the_api_would_refuse_is_refused_with_its_place",
    ),
    Claim(
        "Structured outputs: nesting through references",
        "differs",
        "Each definition is measured on its own; how the API measures through `$ref` is not documented.",
        _SCHEMA + "test_what_the_sdk_makes_of_pydantic_models_is_accepted",
    ),
    Claim(
        "Authentication",
        "differs",
        "One key, as bearer token or `api-key`; no Entra tokens, no roles.",
        _API + "test_without_the_key_every_door_is_closed",
    ),
    Claim(
        "Token counts",
        "differs",
        "Four characters a token instead of a tokenizer; reasoning tokens by a table of efforts, `medium` when none is "
        "given, whatever the model's own default.",
        _API + "test_usage_adds_up_counts_reasoning_and_does_not_change",
    ),
    Claim(
        "max_completion_tokens on reasoning models",
        "works",
        "An answer that does not fit ends with `length`, no content, and the whole limit spent.",
        _API + "test_reasoning_that_takes_all_the_room_leaves_no_content",
    ),
    Claim(
        "Prompt caching",
        "differs",
        "Instructions and schema of 1,024 tokens or more are cached from their second use on, until the process ends.",
        _API + "test_long_instructions_come_from_the_cache_the_second_time",
    ),
    Claim(
        "Rate limits",
        "differs",
        "The headers count down, but no quota is enforced: a 429 comes when a knob or a script says so.",
        _FAULTS + "test_a_rate_limit_says_in_both_headers_how_long_to_wait",
    ),
    Claim(
        "Errors",
        "works",
        "429, 4xx, 5xx, timeouts, resets, refusals, both kinds of content filter and truncation reach the client as "
        "its own exceptions; Azure's inner errors and filter details are left out.",
        _FAULTS + "test_a_fault_reaches_the_client_as_the_error_it_is_there_and_the_next_call_is_well",
    ),
    Claim(
        "Outage",
        "differs",
        'Down is 503, or with "refused" a connection that is closed unanswered: the port itself stays open.',
        _FAULTS + "test_a_model_that_is_down_answers_nobody_until_it_is_up_again",
    ),
    Claim(
        "Deployments",
        "works",
        "A deployment answers under the dated name of its model; with none configured, any name is a deployment.",
        _API + "test_deployments_answer_as_the_models_behind_them_and_unknown_ones_do_not",
    ),
    Claim(
        "Unsupported parameters",
        "works",
        "Reasoning models refuse `max_tokens` and `temperature`, others `reasoning_effort`.",
        _API + "test_a_request_the_api_would_refuse_is_refused_by_parameter",
    ),
    Claim(
        "Streaming, tools, several choices, images, answers without a schema",
        "refused",
        "400 that names the parameter and what is understood.",
        _API + "test_a_request_the_api_would_refuse_is_refused_by_parameter",
    ),
    Claim(
        "Responses, embeddings, batches, files, /openai/deployments/{name}",
        "refused",
        "404 that names what is here.",
        _API + "test_an_endpoint_that_is_not_here_says_what_is",
    ),
)
