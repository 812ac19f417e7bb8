"""The logics that are compared: each is for all events of the bench."""

from __future__ import annotations

from collections.abc import Mapping

from processing.logic.content import Content, RuleContent, SchemaContent

# No event of deploy.bench.load.events is beyond these.
_HIGHEST = {"temperature": 32, "humidity": 90, "pressure": 1_033, "battery": 100, "signal": -40}
SCHEMA = {
    "type": "object",
    "required": ["temperature", "humidity"],
    "properties": {
        "temperature": {"type": "number", "minimum": -50, "maximum": 60},
        "humidity": {"type": "number", "minimum": 0, "maximum": 100},
        "pressure": {"type": "number", "minimum": 800},
        "status": {"enum": ["ok", "failed"]},
        "unit": {"type": "string"},
        "site": {"type": "string", "maxLength": 40},
        "battery": {"type": "integer", "minimum": 0, "maximum": 100},
    },
}
SITES = "site,name\n" + "".join(f"north-{number},Harbour {number}\n" for number in range(1_000))
_LOOKUP = RuleContent(name="station", actions=['set station = lookup("sites", site, "name")'])
_CELSIUS = RuleContent(name="fahrenheit", actions=['set temperature_f = convert(temperature, "degC", "degF")'])


def _idle_rules(count: int) -> list[RuleContent]:
    """Return rules of two comparisons of which the second never holds, so that both are worked out."""
    fields = list(_HIGHEST.items())
    return [
        RuleContent(
            name=f"rule {number}",
            when=f"{fields[number % 5][0]} <= {fields[number % 5][1] + number} and "
            f"{fields[(number + 1) % 5][0]} > {fields[(number + 1) % 5][1] + number}",
            actions=["tag high"],
        )
        for number in range(count)
    ]


NONE = "no logic"
VARIANTS: Mapping[str, Content] = {
    NONE: Content(),
    "rules of other sources": Content(rules=[RuleContent(name="other", actions=["drop"], sources=["elsewhere"])]),
    "5 rules": Content(rules=_idle_rules(5)),
    "20 rules": Content(rules=_idle_rules(20)),
    "a schema of 7 fields, enforced": Content(schemas=[SchemaContent("reading", 1, ["*"], "enforce")]),
    "a lookup that sets a field": Content(rules=[_LOOKUP], tables={"sites": 1}),
    "a conversion that sets a field": Content(rules=[_CELSIUS]),
    "a tag": Content(rules=[RuleContent(name="tag", actions=["tag seen"], when="battery >= 0")]),
}
