"""the rules -> docs/policies.md"""

from collections.abc import Iterator

from policies.rule import RELAXED, Rule
from policies.rules import SUBJECTS

HEAD = """# Policies

Generated from `policies/rules` by `python -m policies --list > docs/policies.md`; do not edit.

One pack, two ways: `pulumi preview --policy-pack policies` lets the Pulumi engine run it, `make policy STACK=dev` runs
the same rules over the resource graph, without cloud and CLI. The second knows every value; during a preview the engine
reports what depends on a value that only Azure gives as advice.

Stacks {relaxed} are held to tier `dev`, every other to tier `prod`, in which all rules are mandatory.
Exceptions stand in `policies/waivers.yaml`, each with a reason and an end. A rule's sources are ids of checkov (`CKV`),
PSRule for Azure (`Azure.`) and Azure Policy; *ours* has no counterpart in these.
"""


def page() -> str:
    """Every rule with its tiers, sources, reason and remedy, as Markdown."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield HEAD.format(relaxed=" and ".join(f"`{name}`" for name in sorted(RELAXED)))
    for subject in SUBJECTS:
        title, _, _ = (subject.__doc__ or "").partition("\n")
        yield f"## {title[0].upper()}{title[1:]}\n"
        for rule in subject.RULES:
            yield _section(rule)


def _section(rule: Rule) -> str:
    about = ", ".join(f"`{type_}`" for type_ in rule.about)
    sources = "; ".join("*ours*" if source == "ours" else source for source in rule.sources)
    return (
        f"### {rule.id}\n\n{rule.title}. {rule.why}\n\n"
        f"- Severity {rule.severity}; {rule.dev} in dev, mandatory in prod\n"
        f"- About {about}\n- Sources: {sources}\n- Remedy: {rule.remedy}\n"
    )
