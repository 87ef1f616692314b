"""the namespace that all events pass through: no keys, current encryption; topics that recognise a repetition"""

from policies.rule import Rule, alone, is_on, requires

NO_KEYS = Rule(
    id="service-bus-no-keys",
    title="Service Bus takes identities only",
    why="A key opens the whole namespace to whoever holds it, cannot be traced to anyone, and never expires.",
    remedy="Set disable_local_auth=True on the namespace; grant data roles to identities instead.",
    severity="high",
    sources=(
        "CKV_AZURE_203",
        "Azure.ServiceBus.DisableLocalAuth (AZR-000178)",
        "Azure Policy cfb11c26-f069-4c14-8e36-56c394dae5af",
    ),
    about=("servicebus:Namespace",),
    check=is_on("disableLocalAuth"),
    passes=alone("servicebus:Namespace", {"disableLocalAuth": True}),
    fails=alone("servicebus:Namespace", {"disableLocalAuth": False}, {}),
)

TLS = Rule(
    id="service-bus-tls",
    title="Service Bus speaks TLS 1.2 or newer",
    why="Older versions have known attacks.",
    remedy='Set minimum_tls_version="1.2" on the namespace.',
    severity="high",
    sources=("CKV_AZURE_205", "Azure.ServiceBus.MinTLS (AZR-000315)"),
    about=("servicebus:Namespace",),
    check=requires("minimumTlsVersion", "1.2", "1.3"),
    passes=alone("servicebus:Namespace", {"minimumTlsVersion": "1.2"}),
    fails=alone("servicebus:Namespace", {"minimumTlsVersion": "1.0"}, {}),
)

DETECTS_DUPLICATES = Rule(
    id="topic-detects-duplicates",
    title="Topics drop a message that is published twice",
    why="An outbox publishes again after a crash between sending and forgetting; only the topic can tell.",
    remedy="Set requires_duplicate_detection=True; Azure allows it at creation only, so the topic is replaced.",
    severity="high",
    about=("servicebus:Topic",),
    check=is_on("requiresDuplicateDetection"),
    passes=alone("servicebus:Topic", {"requiresDuplicateDetection": True}),
    fails=alone("servicebus:Topic", {"requiresDuplicateDetection": False}, {}),
)

RULES = (NO_KEYS, TLS, DETECTS_DUPLICATES)
