# operate: the log that a run goes on from, the picture, the metrics.
load helper

SMALL=(operate atlas-950-superpod-1024 --years 0.05 --jobs mix:load=0.8,jobs=300)

# Whether a file is OpenMetrics text 1.0.0, by the rules of its specification; the samples as a Python dict `m` for an expression.
metrics() {
    python3 - "$1" "$2" <<'PYTHON'
import math, re, sys
text = open(sys.argv[1], encoding="utf-8").read()
lines = text.split("\n")
assert text.endswith("# EOF\n") and lines[-1] == "" and text.count("# EOF") == 1, "ends with one # EOF"
name = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
label = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
number = r"(?:[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]Inf|NaN)"
m, families, current, said = {}, set(), None, []
for line in lines[:-2]:
    meta = re.fullmatch(rf"# (TYPE|UNIT|HELP) ({name}) (.+)", line)
    if meta:
        kind, family, rest = meta.groups()
        if family != current:
            assert family not in families, f"{family} stands in two places"
            families.add(family)
            current, said = family, []
        assert kind not in said and "sample" not in said, f"{kind} of {family} again, or after its samples"
        said.append(kind)
        if kind == "TYPE": assert rest in ("gauge", "counter", "info", "unknown"), rest
        if kind == "UNIT": assert family.endswith("_" + rest), f"{family} does not end in its unit {rest}"
        if kind == "HELP": assert not re.search(r"\\(?![\\n\"])", rest), rest
        continue
    sample = re.fullmatch(rf"({name})(?:\{{({label}(?:,{label})*)?\}})? ({number})", line)
    assert sample, f"not a sample: {line!r}"
    assert sample[1] == current, f"{sample[1]} outside of its family"
    if "sample" not in said: said.append("sample")
    assert line.rsplit(" ", 1)[0] not in m, f"twice: {line}"
    m[line.rsplit(" ", 1)[0]] = float(sample[3])
assert eval(sys.argv[2], {"m": m, "math": math, "families": families}), sys.argv[2]
PYTHON
}

@test "operate --log: what was run is read, not run again; more seeds are added" {
    log="$BATS_TEST_TMPDIR/runs.db"
    answers "${SMALL[@]}" --seeds 3 --log "$log" --json
    json 'result["seeds_in_log"] == 0'
    first="$output"
    answers "${SMALL[@]}" --seeds 3 --log "$log" --json
    json 'result["seeds_in_log"] == 3'
    [ "$(grep -v 'years_per_s\|seeds_in_log' <<< "$output")" = "$(grep -v 'years_per_s\|seeds_in_log' <<< "$first")" ]
    answers "${SMALL[@]}" --seeds 5 --log "$log" --json
    json 'result["seeds_in_log"] == 3 and result["seeds"] == 5'
    more="$(grep -v 'years_per_s\|seeds_in_log\|"--log"\|runs.db' <<< "$output")"
    answers "${SMALL[@]}" --seeds 5 --json
    [ "$more" = "$(grep -v 'years_per_s\|seeds_in_log' <<< "$output")" ] || {
        diff <(printf '%s' "$more") <(printf '%s' "$output")
        return 1
    }
    answers "${SMALL[@]}" --seeds 5 --log "$log"
    says "seeds found in it: 5"
}

@test "operate --log: killed, then run again" {
    answers "${SMALL[@]}" --seeds 4 --json
    whole="$(grep '"goodput"\|"events"\|"useful"' <<< "$output")"
    for after in 0.01 0.03 0.06 0.1; do
        timeout -s KILL "$after" "$SUPERPOD" "${SMALL[@]}" --seeds 4 --log "$BATS_TEST_TMPDIR/killed.db" > "$BATS_TEST_TMPDIR/out" 2>&1 || true
    done
    answers "${SMALL[@]}" --seeds 4 --log "$BATS_TEST_TMPDIR/killed.db" --json
    [ "$(grep '"goodput"\|"events"\|"useful"' <<< "$output")" = "$whole" ]
}

@test "operate --log: two processes run the same seeds into one log" {
    log="$BATS_TEST_TMPDIR/both.db" alone="$BATS_TEST_TMPDIR/alone.db"
    both=(operate atlas-950-superpod-1024 --years 0.1 --jobs mix:load=0.8,jobs=6000 --seeds 3 --threads 1)
    answers "${both[@]}" --log "$alone"
    "$SUPERPOD" "${both[@]}" --log "$log" > /dev/null 2> "$BATS_TEST_TMPDIR/first" &
    first=$!
    answers "${both[@]}" --log "$log"
    wait "$first"
    [ ! -s "$BATS_TEST_TMPDIR/first" ]
    count='import sqlite3,sys; print([sqlite3.connect(sys.argv[1]).execute(f"SELECT count(*), sum(at_us), sum(number) FROM event WHERE seed={s}").fetchone() for s in (1,2,3)])'
    [ "$(python3 -c "$count" "$log")" = "$(python3 -c "$count" "$alone")" ]
}

@test "operate --log: other runs, other files" {
    log="$BATS_TEST_TMPDIR/runs.db"
    answers "${SMALL[@]}" --seeds 1 --log "$log" --json
    refuses "holds runs of '--checkpoint 30s'; asked for is '--checkpoint 1s'" "${SMALL[@]}" --seeds 1 --log "$log" --checkpoint 1s
    refuses "holds runs of" "${SMALL[@]}" --seeds 1 --log "$log" --failures llama3
    head -c 9000 "$log" > "$BATS_TEST_TMPDIR/cut.db"
    refuses "damaged or cut short" "${SMALL[@]}" --seeds 1 --log "$BATS_TEST_TMPDIR/cut.db"
    text="$(printf 'not a store, but a text of some length\n' | file text.db)"
    refuses "is no store" "${SMALL[@]}" --seeds 1 --log "$text"
    refuses "is a folder" "${SMALL[@]}" --seeds 1 --log "$BATS_TEST_TMPDIR"
    jobs="$(printf 'submit,run,chips\n0,60,8\n' | file jobs.csv)"
    answers operate atlas-950-superpod-1024 --years 0.01 --seeds 1 --jobs "$jobs" --log "$BATS_TEST_TMPDIR/jobs.db" --json
    printf 'submit,run,chips\n0,61,8\n' > "$jobs"
    refuses "holds runs of" operate atlas-950-superpod-1024 --years 0.01 --seeds 1 --jobs "$jobs" --log "$BATS_TEST_TMPDIR/jobs.db" --json
}

@test "operate --log: events with names in SQL" {
    answers "${SMALL[@]}" --seeds 2 --log "$BATS_TEST_TMPDIR/runs.db" --json
    json 'result["jobs"] == 300'
    python3 - "$BATS_TEST_TMPDIR/runs.db" "$BATS_TEST_TMPDIR/json" <<'PYTHON'
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
result = json.load(open(sys.argv[2]))["result"]
one = lambda sql: db.execute(sql).fetchone()[0]
assert one("SELECT count(*) FROM events WHERE what = 'done'") == 2 * result["jobs_done"]
assert one("SELECT count(DISTINCT class) FROM events WHERE what = 'fail'") == 1
assert abs(one("SELECT avg(goodput) FROM run") - result["goodput"]) < 1e-12
assert one("SELECT count(*) FROM events e JOIN events f ON f.seed = e.seed AND f.number = e.number + 1 WHERE f.at_s < e.at_s") == 0
PYTHON
}

@test "operate --svg: a picture of its own, well-formed, its layers fill the whole" {
    answers "${SMALL[@]}" --seeds 2 --svg "$BATS_TEST_TMPDIR/over time.svg" --json
    python3 - "$BATS_TEST_TMPDIR/over time.svg" <<'PYTHON'
import re, sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
ns = "{http://www.w3.org/2000/svg}"
assert root.tag == ns + "svg"
paths = root.findall(ns + "path")
assert len(paths) == 12 + 8, len(paths)
for path in paths:
    assert not re.search(r"nan|inf", path.get("d"))
words = " ".join("".join(t.itertext()) for t in root.iter(ns + "text"))
assert "goodput" in words and "useful" in words and "broken, until repaired" in words and "mean of 2 runs" in words
# the topmost layer of the upper panel ends at its top, in every span
top = [float(v) for v in re.findall(r"V([0-9.]+)H", paths[11].get("d"))[:240]]
assert max(abs(v - 96) for v in top) < 0.02, max(top)
PYTHON
    refuses "folder does not exist" "${SMALL[@]}" --svg /nowhere/at/all.svg
}

@test "operate --metrics: OpenMetrics text" {
    answers "${SMALL[@]}" --seeds 3 --metrics "$BATS_TEST_TMPDIR/figures.txt" --json
    metrics "$BATS_TEST_TMPDIR/figures.txt" 'all(math.isclose(sum(v for k, v in m.items() if "_share{" in k and f"seed=\"{s}\"" in k), 1) for s in (1, 2, 3))'
    metrics "$BATS_TEST_TMPDIR/figures.txt" 'm["superpod_operate_jobs{machine=\"atlas-950-superpod-1024\",seed=\"2\"}"] == 300 and "superpod_operate_mttf_seconds" in families'
}

@test "operate --metrics: Prometheus' own parser reads what the JSON says" {
    "$PYTHON" -c 'import prometheus_client.openmetrics.parser' 2> /dev/null || skip "python3-prometheus-client is not installed for $PYTHON"
    answers "${SMALL[@]}" --seeds 3 --metrics "$BATS_TEST_TMPDIR/figures.txt" --json
    json 'result["jobs"] == 300'
    "$PYTHON" - "$BATS_TEST_TMPDIR/figures.txt" "$BATS_TEST_TMPDIR/json" <<'PYTHON'
import json, math, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
result = json.load(open(sys.argv[2]))["result"]
families = {f.name: f for f in text_string_to_metric_families(open(sys.argv[1]).read())}
told = 0
for key, value in result.items():
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        continue
    name = "superpod_operate_" + (key[:-2] + "_seconds" if key.endswith("_s") else key)
    if name not in families:
        continue
    family = families[name]
    assert family.type == "gauge" and family.documentation and family.unit == ("seconds" if key.endswith("_s") else "")
    values = [s.value for s in family.samples]
    assert {s.labels["seed"] for s in family.samples} <= {"1", "2", "3"} and len(values) <= 3
    assert math.isclose(sum(values) / len(values), value, rel_tol=1e-9, abs_tol=1e-9), (key, values, value)
    told += 1
assert told > 35, told
assert {s.labels["part"] for s in families["superpod_operate_share"].samples} == set(result["losses"])
PYTHON
}

TRAIN="mesh:8@56GB/s,200ns mesh:8@56GB/s,200ns clos:4@224GB/s,1us chip=ascend-950dt chips-per-host=8 rack=64"

@test "operate train: a model and a plan, tokens a day as predicted" {
    answers plan "$TRAIN" llama3-8b --gbs 512 --seq 8192 --chips 128 --save "$BATS_TEST_TMPDIR/plan.yaml" --json
    json 'result["best"]["step_time_s"] > 0'
    step="$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["result"]["best"]["step_time_s"])' "$BATS_TEST_TMPDIR/json")"
    answers operate "$TRAIN" --jobs "train:llama3-8b,plan=$BATS_TEST_TMPDIR/plan.yaml" --failures none --checkpoint 0s --years 0.01 --seeds 1 --json
    json "result['trainings'][0]['chips'] == 128 and close(result['tokens_per_day'], 86400 / result['trainings'][0]['step_time_s'] * 512 * 8192, 1e-6)"
    json "abs(result['trainings'][0]['step_time_s'] / $step - 1) < 0.05 and result['ettr'] == 1"
    answers operate "$TRAIN" --jobs "train:llama3-8b,chips=128,gbs=512,tokens=1G,count=2;train:llama3-8b,chips=64,gbs=512,steps=10" --failures none --years 0.01 --seeds 1 --json
    json "result['jobs_done'] == 3 and len(result['trainings']) == 2 and close(result['tokens_per_day'] * 3.65, (2 * 239 + 10) * 512 * 8192, 1e-6)"
    answers operate "$TRAIN" --jobs "train:llama3-8b,chips=128,gbs=512" --failures llama3 --years 0.05 --seeds 2
    says "llama3-8b on 128 chips: step"
}

@test "operate train: rows of a table" {
    table="$(file jobs.csv <<'END'
when,net,how,n,todo
0,llama3-8b,tp=2 dp=32 gbs=256 seq=8192 zero=3,64,50
10,llama3-8b,tp=2 dp=32 gbs=256 seq=8192 zero=3,64,100
END
)"
    answers operate "$TRAIN" --jobs "$table" --map submit=when,model=net,plan=how,chips=n,steps=todo --failures none --years 0.01 --seeds 1 --json
    json 'result["jobs_done"] == 2 and len(result["trainings"]) == 1 and close(result["tokens_per_day"] * 3.65, 150 * 256 * 8192, 1e-6)'
}

@test "operate train: bad input" {
    refuses "without a model" operate "$TRAIN" --jobs train:
    refuses "no model is called 'lama'" operate "$TRAIN" --jobs train:lama,chips=8
    refuses "needs chips=N, or a plan" operate "$TRAIN" --jobs train:llama3-8b,gbs=8
    refuses "found 'chip='" operate "$TRAIN" --jobs train:llama3-8b,chip=8
    refuses "expected KEY=VALUE" operate "$TRAIN" --jobs train:llama3-8b,chips
    refuses "fits in memory" operate "$TRAIN" --jobs train:deepseek-v3,chips=8,gbs=8
    refuses "expected train:MODEL" operate "$TRAIN" --jobs "train:llama3-8b,chips=8,gbs=8;mix:load=1"
    refuses "nowhere.yaml" operate "$TRAIN" --jobs train:llama3-8b,plan=nowhere.yaml
    bad="$(printf 'submit,model,chips,steps\n0,llama3-8b,64,x\n' | file bad.csv)"
    refuses "bad.csv:2:16: error: found 'x'" operate "$TRAIN" --jobs "$bad"
    bad="$(printf 'submit,model,plan,steps\n0,llama3-8b,tp=3 dp=8 gbs=64,1\n' | file bad.csv)"
    refuses "bad.csv:2: error: model 'llama3-8b': found tp 3" operate "$TRAIN" --jobs "$bad"
}
