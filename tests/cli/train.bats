# superpod train: one step of a plan; and what is refused.
load helper

POD="mesh:8@56GB/s,200ns clos:8@224GB/s,1us chip=ascend-950dt"

dense() { # a small dense model of the test's own
    cat > "$BATS_TEST_TMPDIR/config.json" <<'JSON'
{"model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_attention_heads": 32, "num_hidden_layers": 32,
 "num_key_value_heads": 32, "vocab_size": 32000, "max_position_embeddings": 4096, "tie_word_embeddings": false,
 "hidden_act": "silu"}
JSON
    echo "$BATS_TEST_TMPDIR/config.json"
}

@test "train: contract keys; the breakdown sums to the step" {
    answers train "$POD" "$(dense)" --gbs 64 --seq 4096 --tp 8 --pp 2 --recompute selective --json
    json 'r["schema"] == "superpod/train/1" and set(("step_time_s", "tokens_per_s", "tokens_per_s_chip", "mfu", "hfu", "mem_bytes", "breakdown_s")) <= set(result)'
    json 'close(sum(result["breakdown_s"].values()), result["step_time_s"], 1e-6)'
    json 'close(result["tokens_per_s"], 64 * 4096 / result["step_time_s"]) and close(result["tokens_per_s_chip"] * result["chips"], result["tokens_per_s"])'
    json '[m["stage"] for m in result["mem_bytes"]] == [0, 1]'
    json 'all(close(m["total"], m["weights"] + m["gradients"] + m["optimizer"] + m["activations"] + m["buffers"] + m["overhead"]) for m in result["mem_bytes"])'
    json 'result["fits"] and 0 < result["mfu"] <= result["hfu"] < 1 and result["lower_bound_s"] <= result["step_time_s"] * (1 + 1e-9)'
    json 'result["chips"] == 64 and "dp=4" in result["plan"]'
}

@test "train: MFU is the model's work over the peak" {
    answers train "$POD" "$(dense)" --gbs 64 --seq 4096 --tp 8 --json
    json 'close(result["mfu"], result["model_flop"] / result["step_time_s"] / (result["chips"] * 547e12), 1e-6)'
}

@test "train: the plan printed is a plan to read" {
    answers train "$POD" "$(dense)" --gbs 64 --seq 4096 --tp 4 --pp 2 --recompute selective --json
    plan=$(printf '%s' "$output" | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"]["plan"])')
    first=$(printf '%s' "$output" | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"]["step_time_s"])')
    answers train "$POD" "$(dense)" --dp 8 --set "$plan" --json
    json "result['step_time_s'] == $first and result['plan'] == '$plan'"
}

@test "train: an option changes what it says" {
    answers train "$POD" "$(dense)" --gbs 64 --seq 4096 --tp 8 --zero 0 --json
    plain=$(printf '%s' "$output" | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"]["mem_bytes"][0]["optimizer"])')
    answers train "$POD" "$(dense)" --gbs 64 --seq 4096 --tp 8 --zero 1 --json
    json "close(result['mem_bytes'][0]['optimizer'] * 8, $plain, 0.01)"
    answers train "$POD" "$(dense)" --gbs 64 --seq 4096 --tp 8 --recompute full --json
    json 'result["hfu"] > 1.2 * result["mfu"] and "recompute=full" in result["plan"]'
}

@test "train for people" {
    answers train "$POD" "$(dense)" --gbs 64 --seq 4096 --tp 8 --pp 2 --recompute selective
    for word in plan step throughput MFU memory limit "where the time" "groups on the tiers"; do says "$word"; done
    for line in "${lines[@]}"; do [ "${#line}" -le 100 ]; done
}

@test "train: a plan that does not fit exits with 1, tells the memory and by how much" {
    run --separate-stderr "$SUPERPOD" train "$POD" "$(dense)" --gbs 64 --seq 4096 --tp 1 --dp 8 --mbs 8 --zero 0
    [ "$status" -eq 1 ]
    [[ "$stderr" == *"error: the plan needs "*" on the fullest chip, and ascend-950dt has 144 GB"* ]]
    says "DOES NOT FIT"
}

@test "train: 524,288 chips in a moment" {
    answers train "mesh:8@56GB/s,200ns mesh:8@56GB/s,200ns clos:8192@224GB/s,1us chip=ascend-950dt" deepseek-v3 --gbs 524288 --ep 64 --pp 16 --recompute full --json
    json 'result["chips"] == 524288'
}

@test "train --explain and --sources" {
    answers train "$POD" "$(dense)" --gbs 64 --seq 4096 --tp 8 --explain --sources
    says explanation
    says "guesses"
    says "product line modellink vector factor"
}

@test "train: plans that cannot be are refused at the option" {
    model="$(dense)"
    refuses "--tp: error: found tp 3, which does not divide" train "$POD" "$model" --gbs 64 --tp 3 --dp 2
    refuses "--ep: error: found ep 8" train "$POD" "$model" --gbs 64 --ep 8
    refuses "--gbs: error: found gbs 63" train "$POD" "$model" --gbs 63 --dp 64
    refuses "--gbs: error: is missing" train "$POD" "$model"
    refuses "--tp: error: tp x cp x pp = 32 x 1 x 4 is more than the 64 chips" train "$POD" "$model" --gbs 64 --tp 32 --pp 4
    refuses "128 chips" train "$POD" "$model" --gbs 128 --dp 128
    refuses "--pp: error: found pp 64" train "$POD" "$model" --gbs 64 --pp 64
    refuses "--vpp: error: found vpp 2" train "$POD" "$model" --gbs 64 --vpp 2 --schedule 1f1b --pp 2
    refuses "--zero: error: found zero 3 with pp 2" train "$POD" "$model" --gbs 64 --zero 3 --pp 2
    refuses "--schedule: error: found schedule zb-h1 with pp 1" train "$POD" "$model" --gbs 64 --schedule zb-h1
    refuses "expected an even number, at least twice pp" train "$POD" "$model" --gbs 64 --pp 2 --dp 32 --schedule dualpipe
    refuses "whose stages hold two chunks; expected vpp 2" train "$POD" "$model" --gbs 64 --pp 2 --vpp 1 --schedule zb-v
    refuses "expected a number at least twice pp" train "$POD" "$model" --gbs 64 --pp 2 --dp 32 --schedule dualpipev
    refuses "zero-group 3, which does not divide dp x cp" train "$POD" "$model" --gbs 64 --dp 64 --set zero-group=3
    refuses "whose host_memory_bw nobody has published" train "$POD" "$model" --gbs 64 --set offload-optimizer=yes
}

@test "train: texts with a grammar of their own carry the column" {
    model="$(dense)"
    refuses "--place:1:" train "$POD" "$model" --gbs 64 --place tp=9
    refuses "--place:1:" train "$POD" "$model" --gbs 64 --place xp=0
    refuses "--place:1:" train "$POD" "$model" --gbs 64 --place tp
    refuses "--order:1:" train "$POD" "$model" --gbs 64 --order tp,tp,dp,pp
    refuses "--set:1:6: error:" train "$POD" "$model" --gbs 64 --set "tp=8 xp=2"
    refuses "--set:1:" train "$POD" "$model" --gbs 64 --set "tp=eight"
}

@test "train --plan: files that are not plans" {
    refuses "/nonexistent: error: cannot open the file" train "$POD" "$(dense)" --plan /nonexistent
    refuses "plan.yaml:1:" train "$POD" "$(dense)" --plan "$(printf -- '- a\n' | file plan.yaml)"
    refuses "plan.yaml:2:" train "$POD" "$(dense)" --plan "$(printf 'a: 1\n\tb: 2\n' | file plan.yaml)"
}

@test "schema of train" { valid train "$POD" "$(dense)" --gbs 64 --tp 8; }
@test "schema of train with everything" { valid train atlas-950-superpod deepseek-v3 --ep 64 --pp 16 --recompute full --explain --sources; }

@test "train --timeline and --html write whole files" {
    answers train "$POD" "$(dense)" --gbs 64 --tp 8 --pp 2 --recompute full --timeline "$BATS_TEST_TMPDIR/t.json" --html "$BATS_TEST_TMPDIR/t.html"
    python3 - "$BATS_TEST_TMPDIR/t.json" <<'SCRIPT'
import json, sys
trace = json.load(open(sys.argv[1]))
events = trace["traceEvents"] if isinstance(trace, dict) else trace
spans = [e for e in events if e["ph"] == "X"]
assert len(spans) > 10 and all(e["dur"] >= 0 for e in spans)
SCRIPT
    grep -q "<svg" "$BATS_TEST_TMPDIR/t.html"
    run grep -oE "(src|href)=.?https?:" "$BATS_TEST_TMPDIR/t.html"
    [ -z "$output" ]
    [ -z "$(find "$BATS_TEST_TMPDIR" -name "t.*?*tmp*")" ]
}

@test "train: files that cannot be written are refused before the work" {
    refuses "/nonexistent/t.json: error: cannot be written for --timeline: its folder does not exist" train "$POD" "$(dense)" --gbs 64 --timeline /nonexistent/t.json
    refuses "/dev/null: error: cannot be written for --html: it is not a regular file" train "$POD" "$(dense)" --gbs 64 --html /dev/null
    refuses "cannot be written for --html: it is a folder" train "$POD" "$(dense)" --gbs 64 --html "$BATS_TEST_TMPDIR"
}

@test "train: a dead link costs the step, more of them more; a slow one more than a dead one; a dead chip is out of reach" {
    local job=(train atlas-950-superpod deepseek-v3 --ep 64 --pp 16 --gbs 8192 --recompute full --json)
    local before=0
    for faults in "" "--fail=link:0" "--fail=link:0-3" "--slow=link:0=0.1"; do
        answers "${job[@]}" ${faults:+"$faults"}
        json "result['step_time_s'] > $before"
        before=$(printf '%s' "$output" | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"]["step_time_s"])')
    done
    run -1 --separate-stderr "$SUPERPOD" "${job[@]}" --fail chip:7
    [[ "$stderr" == *"is dead"* ]]
    refuses "nothing is called 'disk'" "${job[@]}" --fail disk:1
}

@test "train: what --set says stays as said" {
    answers train "$POD" "$(dense)" --gbs 64 --set "pp=2 vpp=2 schedule=zb-v" --json
    json '"schedule=zb-v" in result["plan"]'
    run --separate-stderr "$SUPERPOD" train "$POD" "$(dense)" --gbs 64 --set dp=1 --json
    json '"dp=1 " in result["plan"]'
}

@test "train: without --dp the most replicas that share the batch and have a place; the format that plan takes" {
    model="$(dense)"
    answers train "$POD" "$model" --gbs 63
    says " dp=21 "
    answers train "$POD" "$model" --gbs 64 --pp 3
    says " dp=16 "
    answers train atlas-950-superpod deepseek-v3 --ep 64 --pp 16 --recompute full
    says "precision=fp8"
    answers train atlas-950-superpod deepseek-v3 --ep 64 --pp 16 --recompute full --precision bf16
    says "precision=bf16"
}
