"""Damage that no repair can undo, because the row lost the original meaning.

``validate`` must find it, and ``clean`` must leave it or reject the row.
"""

import random
import re
from typing import Any

from dataset_tools.records.results import text_of
from schemas.record import Record
from tools.sample.damage_calls import calls_of, properties_of
from tools.sample.damage_text import argument_strings

__all__ = [
    "any_of", "break_schema", "control_token", "drop_argument", "duplicate_tool", "empty_answer", "enum_to_description",
    "foreign_argument", "invent", "leave_unanswered", "mix_scripts", "only_tool", "rename_call", "reserve_name",
    "stray_enum", "wrong_type",
]  # fmt: skip

_ENUM_VARIANTS = {
    "أسنان": "اسنان", "أطفال": "اطفال", "عيون": "عُيون", "جلدية": "جلديّة", "قلب": "قَلب", "عظام": "عِظام",
    "كهرباء": "كهربَاء", "إنترنت": "انترنت", "ماء": "مآء", "غاز": "غَاز", "مفقودة": "مَفقودة",
    "مسروقة": "مسرُوقة",
    "جارٍ": "جار", "توفير": "تَوفير", "الأحوال المدنية": "الاحوال المدنية", "الجوازات": "الجَوازات", "العشاء": "العشآء",
    "SAR": "ريال سعودي", "USD": "دولار", "EUR": "يورو", "economy": "سياحية", "business": "رجال أعمال",
    "rating": "التقييم",
}  # fmt: skip
_INVENTED = {
    "origin": "نواكشوط", "destination": "مقديشو", "city": "نجران", "district": "حي الزيتون", "country": "فنلندا",
    "recipient": "وليد الشامي", "last_digits": "0007", "order_number": "ZZ-00001", "account_number": "9999990",
    "meter_number": "M-00001", "plate_number": "ز ز ز 1", "keywords": "دراجة نارية", "surah": "الفيل",
    "medicine": "شراب السعال",
    "document_number": "X0000007", "nationality": "ماليزي",
}  # fmt: skip
_LOOKALIKES = {"ه": "o", "ا": "l", "ل": "J", "و": "g", "ر": "j", "ة": "a"}


def rename_call(record: Record, _rng: random.Random) -> str | None:
    """Rename the called tool to one that is not offered."""
    for function, _, path in calls_of(record):
        old = function["name"]
        function["name"] = old + "_v2"
        for message in record["messages"]:
            if message.get("name") == old:
                message["name"] = function["name"]
        return f"{path}.name"
    return None


def foreign_argument(record: Record, _rng: random.Random) -> str | None:
    """Add an undeclared argument with a grounded value, so that it is the only defect."""
    for arguments, name, path in argument_strings(record):
        arguments["target_name"] = arguments[name]
        return path.removesuffix(name) + "target_name"
    return None


def drop_argument(record: Record, rng: random.Random) -> str | None:
    """Remove a required argument."""
    for function, schema, path in calls_of(record):
        name = rng.choice(schema["required"])
        del function["arguments"][name]
        return f"{path}.arguments.{name}"
    return None


def wrong_type(record: Record, _rng: random.Random) -> str | None:
    """Replace an array or a boolean by text."""
    for function, schema, path in calls_of(record):
        for name, value in function["arguments"].items():
            kind = schema["properties"][name]["type"]
            if kind in {"array", "boolean"}:
                function["arguments"][name] = value[0] if kind == "array" else "حسب الطلب"
                return f"{path}.arguments.{name}"
    return None


def stray_enum(record: Record, _rng: random.Random) -> str | None:
    """Replace an enum value by another spelling, or its code by the user's word."""
    for function, schema, path in calls_of(record):
        for name, value in function["arguments"].items():
            if "enum" in schema["properties"][name] and value in _ENUM_VARIANTS:
                function["arguments"][name] = _ENUM_VARIANTS[value]
                return f"{path}.arguments.{name}"
    return None


def invent(record: Record, _rng: random.Random) -> str | None:
    """Replace a value by one that is not in the conversation."""
    conversation = repr(record["messages"])
    for arguments, name, path in argument_strings(record):
        if name in _INVENTED and _INVENTED[name] not in conversation:
            arguments[name] = _INVENTED[name]
            return path
    return None


def mix_scripts(record: Record, _rng: random.Random) -> str | None:
    """Put a Latin letter into an Arabic word of the request and of the argument, so that it stays grounded."""
    for arguments, name, path in argument_strings(record):
        value, user = arguments[name], record["messages"][1]
        found = re.search("(?<=[\u0621-\u064a])[هالورة](?=[\u0621-\u064a])", value)
        text = text_of(user)
        if found and value in text and len(record["messages"]) == 3:  # noqa: PLR2004 - ends with the call
            mixed = value[: found.start()] + _LOOKALIKES[found[0]] + value[found.end() :]
            arguments[name] = mixed
            user["content"] = text.replace(value, mixed)
            return path
    return None


def enum_to_description(record: Record, rng: random.Random) -> str | None:
    """Move the allowed values from enum to the description."""
    places = [p for p in properties_of(record, called=False) if "enum" in p[0]["properties"][p[1]]]
    if not places:
        return None
    parameters, name, path = rng.choice(places)
    values = parameters["properties"][name].pop("enum")
    parameters["properties"][name]["description"] += f" (إحدى القيم: {'، '.join(values)})"
    return f"{path}.description"


def reserve_name(record: Record, rng: random.Random) -> str | None:
    """Rename a property to a name that the chat template drops."""
    parameters, old, path = rng.choice(list(properties_of(record, called=False)))
    parameters["properties"] = {"type" if n == old else n: item for n, item in parameters["properties"].items()}
    parameters["required"] = ["type" if n == old else n for n in parameters["required"]]
    return path.removesuffix(old) + "type"


def any_of(record: Record, rng: random.Random) -> str | None:
    """A property whose type the chat template cannot print."""
    places = [p for p in properties_of(record, called=False) if p[0]["properties"][p[1]]["type"] == "string"]
    if not places:
        return None
    parameters, name, path = rng.choice(places)
    del parameters["properties"][name]["type"]
    parameters["properties"][name]["anyOf"] = [{"type": "string"}, {"type": "integer"}]
    return f"{path}.anyOf"


def break_schema(record: Record, rng: random.Random) -> str | None:
    """Use a type that JSON Schema does not have."""
    parameters, name, path = rng.choice(list(properties_of(record, called=False)))
    parameters["properties"][name]["type"] = "strin"
    return f"{path}.type"


def duplicate_tool(record: Record, rng: random.Random) -> str | None:
    """Offer a tool twice."""
    record["tools"].append(rng.choice(record["tools"]))
    return f"tools[{len(record['tools']) - 1}]"


def only_tool(record: Record, _rng: random.Random) -> str | None:
    """Offer the called tool only."""
    called = {function["name"] for function, _, _ in calls_of(record)}
    if len(called) != 1:
        return None
    record["tools"] = [tool for tool in record["tools"] if tool["function"]["name"] in called]
    return "tools"


def control_token(record: Record, _rng: random.Random) -> str | None:
    """Add a control token of the chat template to the user's words."""
    user = record["messages"][1]
    user["content"] = f"{user.get('content', '')} <start_of_turn>"
    return "messages[1].content"


def empty_answer(record: Record, _rng: random.Random) -> str | None:
    """Empty the closing answer."""
    last: Any = record["messages"][-1]
    if not last.get("content"):
        return None
    last["content"] = ""
    return f"messages[{len(record['messages']) - 1}].content"


def leave_unanswered(record: Record, _rng: random.Random) -> str | None:
    """Remove the result of the first call, so that a user turn follows it."""
    if record["meta"]["kind"] != "multi-turn":
        return None
    del record["messages"][3:5]
    return "messages[3]"
