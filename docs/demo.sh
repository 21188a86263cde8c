# All steps on the bundled sample. `make demo` runs this script and sets OUT and PATH.
# Each command is printed before it runs.

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

say "2. Find the defects"
# Exit code 1 means findings, which raw data has.
run afg-data validate raw.jsonl --examples 1 || test $? -eq 1

say "3. Convert to records"
run afg-data import raw.jsonl -o records.jsonl

say "4. Repair what can be repaired without loss"
run afg-data clean records.jsonl -o clean.jsonl --report clean.report.json --trace clean.trace.jsonl

say "5. Find the defects that a person must decide"
run afg-data validate clean.jsonl --examples 1 || test $? -eq 1

say "6. HTML report: open report.html in a browser"
run afg-data report raw.jsonl -o report.html --tokenizer ../training/tiny/tokenizer

say "7. Drop duplicates and split, without leaks between splits or from the held-out test rows"
run afg-data sample --part test -o test.jsonl
run afg-data dedup clean.jsonl -o distinct.jsonl --report distinct.report.json
run afg-data split distinct.jsonl -o data --by dialect --against test.jsonl \
  --made-by clean.report.json --made-by distinct.report.json

say "8. Build masked samples, with 600 generated rows of five requests each, because 300 rows are too few"
run afg-data sample --part train --rows 600 -o drawn.jsonl
run afg-data build data/train.parquet drawn.jsonl -o samples --tokenizer ../training/tiny/tokenizer --shuffle-tools 7

say "9. Show the trained tokens of samples"
run afg-data show samples --row 5
run afg-data show samples --count 20 --html samples.html

say "10. Evaluate the base model"
run afg evaluate tiny test.jsonl -o before.json

say "11. Train a LoRA adapter: a few minutes on two cores"
run afg train samples -o run --recipe demo

say "12. Evaluate the trained model on the same rows"
run afg evaluate run test.jsonl -o after.json

. ../docs/demo_publish.sh

say "Files in $OUT: records.jsonl, clean.jsonl, report.html, distinct.jsonl, data, samples, samples.html, rejects, reports and trace; run with curves.html; before.html, after.html, compare.html; release with its cards; pulled from the Hub"
