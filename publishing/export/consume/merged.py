"""Run the model in this folder with transformers: python example.py."""

from pathlib import Path

from parser import parse
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

tokenizer = AutoTokenizer.from_pretrained(FOLDER)
model = AutoModelForCausalLM.from_pretrained(FOLDER)
prompt = tokenizer.apply_chat_template(
    messages, tools=tools, add_generation_prompt=True, return_dict=True, return_tensors="pt"
)
output = model.generate(**prompt, max_new_tokens=128, do_sample=False)
text = tokenizer.decode(output[0, prompt["input_ids"].shape[1] :])
print(text)
print(parse(text, tools).tool_calls)
