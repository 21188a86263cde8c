"""Results of the tools of the sample, and the sentences about them.

Results that follow from the arguments are computed, so that the arithmetic is right; the others are drawn from
hand-written payloads.
"""

import json
import random

from dataset_tools.bundled.catalogue import phrases
from schemas.record import JsonObject, Message

__all__ = ["answer", "tool_message"]

# Units of each currency per dollar: rounded and fixed, for an example.
_PER_DOLLAR = {"SAR": 3.75, "AED": 3.67, "EGP": 50.0, "JOD": 0.71, "MAD": 10.0, "USD": 1.0, "EUR": 0.9}
_ZAKAT_SHARE = 0.025


def tool_message(rng: random.Random, domain: str, tool: str, arguments: JsonObject) -> tuple[Message, JsonObject]:
    """Return the tool message of a call, and its payload as an object."""
    texts = phrases(domain)["tools"][tool]
    payload = {name: arguments[name] for name in texts.get("echo", []) if name in arguments}
    if texts["responses"]:
        payload.update(rng.choice(texts["responses"]))
    payload.update(_computed(tool, arguments))
    content = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return {"role": "tool", "content": content, "name": tool}, payload


def answer(rng: random.Random, domain: str, dialect: str, tool: str, values: JsonObject) -> str:
    """Return the sentence about a result, in the dialect of the user."""
    templates: list[str] = phrases(domain)["tools"][tool]["answers"][dialect]
    return rng.choice(templates).format_map(values)


def _computed(tool: str, arguments: JsonObject) -> JsonObject:
    if tool == "convert_currency":
        dollars = arguments["amount"] / _PER_DOLLAR[arguments["from_currency"]]
        result = round(dollars * _PER_DOLLAR[arguments["to_currency"]], 2)
        # 2000 instead of 2000.0.
        return {"result": int(result) if result.is_integer() else result}
    if tool == "calculate_bmi":
        return {"bmi": round(arguments["weight_kg"] / (arguments["height_cm"] / 100) ** 2, 1)}
    if tool == "calculate_zakat":
        return {"due": round((arguments["amount"] - arguments.get("debts", 0)) * _ZAKAT_SHARE)}
    return {}
