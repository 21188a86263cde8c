"""Run the model with Ollama, after `ollama create arabic-calls -f Modelfile`: python example_ollama.py."""

import json
from urllib.request import Request, urlopen

city = {"type": "string", "description": "المدينة"}
parameters = {"type": "object", "properties": {"city": city}, "required": ["city"]}
function = {"name": "get_weather", "description": "حالة الطقس في مدينة", "parameters": parameters}
asked = {
    "model": "arabic-calls",
    "messages": [
        {"role": "developer", "content": "You are a model that can do function calling with the following functions"},
        {"role": "user", "content": "كيف الطقس في جدة؟"},
    ],
    "tools": [{"type": "function", "function": function}],
    "stream": False,
}

request = Request("http://localhost:11434/api/chat", json.dumps(asked).encode(), {"Content-Type": "application/json"})
with urlopen(request) as answer:
    print(json.load(answer)["message"]["tool_calls"])
