# Last part of the demo, sourced by demo.sh: export, publish, pull and call.
# The Hub runs on this machine, so no account and no network is needed.

say "13. Export a release: adapter, merged weights and GGUF files, each checked"
run afg export run -o release --name arabic-calls

say "14. Evaluate the 8-bit file and compare base, tuned and quantised model"
run afg evaluate release/gguf/arabic-calls-Q8_0.gguf test.jsonl -o q8_0.json
run afg compare before.json after.json q8_0.json -o compare.html

say "15. Write a card for each part and for the data"
run afg card release --run run --eval after.json --compare before.json --data samples/build.json --data data/split.json \
  --hub demo/arabic-calls --dataset data --dataset-license apache-2.0
run afg card release --check

mkdir hub
PYTHONPATH=.. python -m tests.hub hub --ready hub.ready &
hub=$!
trap 'kill "$hub" 2>/dev/null || :' EXIT
trap 'exit 130' INT TERM
until test -s hub.ready || ! kill -0 "$hub" 2>/dev/null; do sleep 0.1; done
{ read -r address && read -r token; } < hub.ready

# Set the variables for these commands only; the Hub of the demo has no Xet.
on_hub() {
  shown "$@"
  env HF_ENDPOINT="$address" HF_TOKEN="$token" HF_HOME="$PWD/hf" HF_HUB_DISABLE_XET=1 "$@"
}

say "16. Publish three repositories, the data and a collection to a Hub at $address"
on_hub afg publish release --hub demo/arabic-calls --dataset data --tag v0.1.0 --yes

say "17. Publish again: everything is already there, so nothing is sent"
on_hub afg publish release --hub demo/arabic-calls --dataset data --tag v0.1.0 --yes

say "18. Use the release: pull one file, verify it, call it"
on_hub afg pull demo/arabic-calls --tag v0.1.0 --quant Q8_0 -o pulled
run afg verify pulled
cat > tools.json <<'EOF'
[{"type": "function", "function": {
   "name": "get_current_weather", "description": "حالة الطقس الآن في مدينة",
   "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "المدينة"}}, "required": ["city"]}}},
 {"type": "function", "function": {
   "name": "find_pharmacy", "description": "البحث عن صيدلية في حي",
   "parameters": {"type": "object", "properties": {"district": {"type": "string", "description": "الحي أو المنطقة"}}, "required": ["district"]}}}]
EOF
run afg call pulled/gguf/arabic-calls-Q8_0.gguf "كيف الطقس في جدة الآن؟" --tools tools.json
