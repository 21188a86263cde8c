"""Run the adapter in this folder with PEFT: python example.py [BASE_FOLDER]."""

import json
import sys
from pathlib import Path

from parser import parse
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

FOLDER = Path(__file__).parent
city = {"type": "string", "description": "المدينة"}
parameters = {"type": "object", "properties": {"city": city}, "required": ["city"]}
function = {"name": "get_weather", "description": "حالة الطقس في مدينة", "parameters": parameters}
tools = [{"type": "function", "function": function}]
messages = [
    {"role": "developer", "content": "You are a model that can do function calling with the following functions"},
    {"role": "user", "content": "كيف الطقس في جدة؟"},
]

config = json.loads((FOLDER / "adapter_config.json").read_text(encoding="utf-8"))
base = sys.argv[1] if sys.argv[1:] else config["base_model_name_or_path"]
tokenizer = AutoTokenizer.from_pretrained(FOLDER)
model = AutoModelForCausalLM.from_pretrained(base, revision=None if sys.argv[1:] else config["revision"])
model = PeftModel.from_pretrained(model, FOLDER)
prompt = tokenizer.apply_chat_template(
    messages, tools=tools, add_generation_prompt=True, return_dict=True, return_tensors="pt"
)
output = model.generate(**prompt, max_new_tokens=128, do_sample=False, eos_token_id=[1, 50, 106])
text = tokenizer.decode(output[0, prompt["input_ids"].shape[1] :])
print(text)
print(parse(text, tools).tool_calls)
