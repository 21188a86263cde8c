# The main job, step by step, on the bundled sample: run by `make demo`, which sets OUT and the PATH.
# Each command is printed before it runs, so that what is seen here can be typed.

say() { printf '\n\033[1m%s\033[0m\n' "$1"; }
shown() {
  printf '\033[36m$'
  for word; do case $word in *" "*) printf ' "%s"' "$word" ;; *) printf ' %s' "$word" ;; esac; done
  printf '\033[0m\n'
}
run() { shown "$@"; "$@"; }

set -eu
cd "$OUT"

say "1. Raw data: conversations in five dialects, with the defects of real datasets"
run afg-data sample --dirty -o raw.jsonl

say "2. What is wrong with it?"
# Findings are exit code 1: expected of raw data.
run afg-data validate raw.jsonl --examples 1 || test $? -eq 1

say "3. Into records, whatever the layout was"
run afg-data import raw.jsonl -o records.jsonl

say "4. Repair all that can be repaired without losing anything"
run afg-data clean records.jsonl -o clean.jsonl --report clean.report.json --trace clean.trace.jsonl

say "5. What is left for a person to decide?"
run afg-data validate clean.jsonl --examples 1 || test $? -eq 1

say "6. All of that to look at: open report.html in a browser"
run afg-data report raw.jsonl -o report.html --tokenizer ../training/tiny/tokenizer

say "7. Each row once, in sides that share no question and no call, nor any with rows held out to test on"
run afg-data sample --part test -o test.jsonl
run afg-data dedup clean.jsonl -o distinct.jsonl --report distinct.report.json
run afg-data split distinct.jsonl -o data --by dialect --against test.jsonl \
  --made-by clean.report.json --made-by distinct.report.json

say "8. Into masked samples, with rows drawn from the sample's phrases, of five requests each: 300 rows are too few to learn from"
run afg-data sample --part train --rows 600 -o drawn.jsonl
run afg-data build data/train.parquet drawn.jsonl -o samples --tokenizer ../training/tiny/tokenizer --shuffle-tools 7

say "9. What of a sample is trained?"
run afg-data show samples --row 5
run afg-data show samples --count 20 --html samples.html

say "10. What can the base do, which never saw these tools?"
run afg evaluate tiny test.jsonl -o before.json

say "11. Train a LoRA adapter on it: a few minutes on two cores"
run afg train samples -o run --recipe demo

say "12. What has it learnt? The same rows again"
run afg evaluate run test.jsonl -o after.json

. ../docs/demo_publish.sh

say "In $OUT: records.jsonl, clean.jsonl, report.html, distinct.jsonl, data, samples, samples.html, the rejects with their reasons, the report and the trace of every change; run with its curves.html, before.html, after.html, compare.html; release with its cards, and pulled, which came back from the Hub"
