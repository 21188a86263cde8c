# The end of the demo, read by demo.sh: from a run to a model that anybody can pull, verify and ask.
# The Hub is one on this machine, so that neither an account nor a network is needed.

say "13. A release: adapter, merged weights and GGUF files, each proven before it counts"
run afg export run -o release --name arabic-calls

say "14. And in 8 bits, as on a phone? The same rows once more, base, tuned and quantised side by side"
run afg evaluate release/gguf/arabic-calls-Q8_0.gguf test.jsonl -o q8_0.json
run afg compare before.json after.json q8_0.json -o compare.html

say "15. A card for each part and for the data, from what was measured"
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

# With the variables of these commands alone; the Hub of the demo has no Xet.
on_hub() {
  shown "$@"
  env HF_ENDPOINT="$address" HF_TOKEN="$token" HF_HOME="$PWD/hf" HF_HUB_DISABLE_XET=1 "$@"
}

say "16. Published: three repositories, the data and a collection, on a Hub at $address"
on_hub afg publish release --hub demo/arabic-calls --dataset data --tag v0.1.0 --yes

say "17. The same again: all of it stands there, so nothing is sent"
on_hub afg publish release --hub demo/arabic-calls --dataset data --tag v0.1.0 --yes

say "18. What anybody does who wants to use it: pull one file, verify it, ask it"
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
