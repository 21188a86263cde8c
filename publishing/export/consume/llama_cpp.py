"""Run a GGUF file in this folder with llama.cpp: pip install xllamacpp jinja2; python example.py [FILE.gguf]."""

import sys
from pathlib import Path

from jinja2.sandbox import ImmutableSandboxedEnvironment
from parser import parse
from xllamacpp import CommonParams, Server

FOLDER = Path(__file__).parent
city = {"type": "string", "description": "المدينة"}
parameters = {"type": "object", "properties": {"city": city}, "required": ["city"]}
function = {"name": "get_weather", "description": "حالة الطقس في مدينة", "parameters": parameters}
tools = [{"type": "function", "function": function}]
messages = [
    {"role": "developer", "content": "You are a model that can do function calling with the following functions"},
    {"role": "user", "content": "كيف الطقس في جدة؟"},
]

# llama.cpp adds the BOS, so the template gets an empty one.
environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
template = environment.from_string((FOLDER / "chat_template.jinja").read_text(encoding="utf-8"))
prompt = template.render(messages=messages, tools=tools, add_generation_prompt=True, bos_token="")

params = CommonParams()
params.model.path = sys.argv[1] if sys.argv[1:] else str(min(FOLDER.glob("*.gguf")))
params.n_ctx = 4096
params.n_parallel = 1
params.special = True  # keeps the tokens around a call, which the parser needs
answer = Server(params).handle_completions({"prompt": prompt, "max_tokens": 128, "temperature": 0})
text = answer["choices"][0]["text"]
print(text)
print(parse(text, tools).tool_calls)
