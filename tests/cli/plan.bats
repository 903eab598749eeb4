# superpod plan: the search; and what is refused. The pod is small, so that each search takes a moment.
load helper

POD="mesh:8@56GB/s,200ns clos:2@224GB/s,1us chip=ascend-950dt"

dense() {
    cat > "$BATS_TEST_TMPDIR/config.json" <<'JSON'
{"model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_attention_heads": 32, "num_hidden_layers": 32,
 "num_key_value_heads": 32, "vocab_size": 32000, "max_position_embeddings": 4096, "tie_word_embeddings": false,
 "hidden_act": "silu"}
JSON
    echo "$BATS_TEST_TMPDIR/config.json"
}

@test "plan: contract keys" {
    answers plan "$POD" "$(dense)" --gbs 64 --seq 4096 --top 3 --json
    json 'r["schema"] == "superpod/plan/1" and len(result["plans"]) == 3 and result["complete"]'
    json 'all(set(("plan", "step_time_s", "mfu", "tokens_per_s_chip", "mem_bytes_max")) <= set(p) for p in result["plans"])'
    json 'set(("legal", "refused", "priced", "simulated")) <= set(result["counts"]) and result["counts"]["simulated"] >= 3'
    json 'result["cpu_s"] >= 0 and result["rss_bytes"] > 1e6'
    json '[p["step_time_s"] for p in result["plans"]] == sorted(p["step_time_s"] for p in result["plans"])'
    json 'all(p["mem_bytes_max"] <= result["best"]["mem_capacity_bytes"] for p in result["plans"])'
}

@test "plan: the best plan, trained, takes the time that was promised" {
    answers plan "$POD" "$(dense)" --gbs 64 --seq 4096 --save "$BATS_TEST_TMPDIR/best.plan" --json
    best=$(printf '%s' "$output" | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"]["plans"][0]["step_time_s"])')
    answers train "$POD" "$(dense)" --plan "$BATS_TEST_TMPDIR/best.plan" --json
    json "close(result['step_time_s'], $best) and any(i['path'].endswith('best.plan') for i in r['inputs'])"
}

@test "plan: a saved plan is refused for another machine" {
    answers plan "$POD" "$(dense)" --gbs 64 --save "$BATS_TEST_TMPDIR/best.plan" -q
    refuses "best.plan:" train "mesh:8@56GB/s,200ns chip=ascend-950dt" "$(dense)" --plan "$BATS_TEST_TMPDIR/best.plan"
}

@test "plan: a saved plan is refused when a file that it was made from was edited under the same name" {
    cp -r catalog "$BATS_TEST_TMPDIR/catalog"
    catalog="$BATS_TEST_TMPDIR/catalog" plan="$BATS_TEST_TMPDIR/best.plan" config=$(dense)
    answers plan "$POD" "$config" --gbs 64 --effort quick --save "$plan" -q --catalog "$catalog"
    printf '\n# a comment changes nothing\n' >> "$catalog/chips/ascend-950dt.yaml"
    answers train "$POD" "$config" --plan "$plan" --catalog "$catalog"
    sed -i 's/"intermediate_size": 11008/"intermediate_size": 11264/' "$config"
    refuses "best.plan:6:15: error: found a plan made for model" train "$POD" "$config" --plan "$plan" --catalog "$catalog"
    sed -i 's/11264/11008/' "$config"
    answers train "$POD" "$config" --plan "$plan" --catalog "$catalog"
    sed -i 's/^  gemm_fill: {value: \[[^]]*\]/  gemm_fill: {value: [8us, 9us, 10us]/' "$catalog/families/ascend-950.yaml"
    refuses "made for chip 'ascend-950dt' when its files said other than now" train "$POD" "$config" --plan "$plan" --catalog "$catalog"
    cp catalog/families/ascend-950.yaml "$catalog/families/"
    sed -i 's/^launch: {value: \[[^]]*\]/launch: {value: [30us, 40us, 50us]/' "$catalog/stacks/hccl.yaml"
    refuses "made for machine" train "$POD" "$config" --plan "$plan" --catalog "$catalog"
    cp catalog/stacks/hccl.yaml "$catalog/stacks/"
    answers train "$POD" "$config" --plan "$plan" --catalog "$catalog"
    sed -i 's/^version: .*/version: "0.0.9"/' "$plan"
    refuses "best.plan:2:10: error: found a plan made for version '0.0.9'" train "$POD" "$config" --plan "$plan" --catalog "$catalog"
    sed -i '/sha256/d; s/0\.0\.9/0.1.0/' "$plan"
    refuses "model-sha256" train "$POD" "$config" --plan "$plan" --catalog "$catalog"
}

@test "plan: fixed axes stay fixed" {
    answers plan "$POD" "$(dense)" --gbs 64 --tp 8 --pp 2 --zero 1 --json
    json 'all(" pp=2 " in p["plan"] and p["plan"].startswith("tp=8 ") and " zero=1 " in p["plan"] for p in result["plans"])'
}

@test "plan: every key of a plan is in the page of what is searched, and why if not" {
    run --separate-stderr "$SUPERPOD" plan "$POD" "$(dense)" --gbs 64 --set nothing=1
    [ "$status" -eq 2 ]
    keys=${stderr#*KEY one of: }
    [ "$(wc -w <<< "$keys")" -ge 30 ]
    for key in $keys; do grep -qw -e "$key" docs/models/planner.md || { echo "$key"; return 1; }; done
}

@test "plan: words of --set are not searched" {
    for word in zero=0 zero=1 offload-optimizer=no narrow-gather=no schedule=gpipe recompute=full; do
        answers plan "$POD" "$(dense)" --gbs 64 --effort normal --set "$word" --top 3 --json
        case $word in
        *=no) json "not any('${word%=no}' in p['plan'] for p in result['plans'])" ;;
        *) json "all(' $word ' in p['plan'] for p in result['plans'])" ;;
        esac
    done
}

@test "plan: what does not fit is offloaded, and said" {
    answers plan "switch:2@450GB/s,1us chip=h100" "$(dense)" --gbs 16 --seq 2048 --tp 1 --dp 1 --chips 1 --mbs 1 --json
    json "'offload-optimizer=yes' in result['plans'][0]['plan']"
}

@test "plan: every objective" {
    for objective in throughput cost energy; do
        answers plan "$POD" "$(dense)" --gbs 64 --tp 8 --zero 1 --recompute none --objective "$objective" --top 1 --json
        json "result['objective'] == '$objective' and len(result['plans']) == 1"
    done
}

@test "plan for people" {
    answers plan "$POD" "$(dense)" --gbs 64
    for word in plan step MFU "best plans by throughput" "plans legal" "but"; do says "$word"; done
    for line in "${lines[@]}"; do [ "${#line}" -le 100 ]; done
}

@test "plan: nothing fits: exit 1 and the nearest miss" {
    run --separate-stderr "$SUPERPOD" plan "mesh:2@56GB/s,200ns chip=ascend-950dt" deepseek-v3 --gbs 64
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [[ "$stderr" == *"error: "*"GB"* ]]
}

@test "plan: refused before the search" {
    refuses "/nonexistent/best.plan: error: cannot be written for --save: its folder does not exist" plan "$POD" "$(dense)" --gbs 64 --save /nonexistent/best.plan
    refuses "cannot be written for --save: it is a folder" plan "$POD" "$(dense)" --gbs 64 --save "$BATS_TEST_TMPDIR"
    refuses "--chips:1:1: error: 17 is more than the 16 chips" plan "$POD" "$(dense)" --gbs 64 --chips 17
    refuses "--gbs: error: is missing" plan "$POD" "$(dense)"
}

@test "plan: an interrupt stops the search with 130 and leaves no file half-written" {
    run --separate-stderr timeout --foreground -s INT 0.3 "$SUPERPOD" plan atlas-950-superpod deepseek-v3 --save "$BATS_TEST_TMPDIR/best.plan"
    # timeout reports 124 when the command had to be stopped; the command's own status comes with --preserve-status.
    [ "$status" -eq 124 ]
    run --separate-stderr timeout --foreground --preserve-status -s INT 0.3 "$SUPERPOD" plan atlas-950-superpod deepseek-v3 --save "$BATS_TEST_TMPDIR/best.plan"
    [ "$status" -eq 130 ] || { echo "status $status; $stderr"; return 1; }
    [[ "$stderr" == *interrupted* ]]
    [ -z "$(find "$BATS_TEST_TMPDIR" -name 'best.plan?*')" ]
}

@test "plan: no progress off a terminal; progress on one, and none with -q" {
    script -qec true /dev/null < /dev/null > /dev/null 2>&1 || skip "no pseudo-terminal here"
    run script -qec "timeout 1 '$SUPERPOD' plan atlas-950-superpod deepseek-v3" /dev/null < /dev/null
    [[ "$output" == *searching* ]]
    run script -qec "timeout 1 '$SUPERPOD' plan atlas-950-superpod deepseek-v3 -q" /dev/null < /dev/null
    [[ "$output" != *searching* ]]
}

@test "schema of plan" { valid plan "$POD" "$(dense)" --gbs 64; }
@test "schema of plan with everything" { valid plan "$POD" "$(dense)" --gbs 64 --explain --sources; }

@test "plan --html writes a page and replaces an old one" {
    echo old > "$BATS_TEST_TMPDIR/p.html"
    answers plan "$POD" "$(dense)" --gbs 64 --html "$BATS_TEST_TMPDIR/p.html"
    grep -q "<svg" "$BATS_TEST_TMPDIR/p.html"
    [ -z "$(find "$BATS_TEST_TMPDIR" -name "p.*?*tmp*")" ]
}

@test "plan: fixed values that no plan can have are told by name" {
    unfit() { # WANT ARGS...
        run --separate-stderr "$SUPERPOD" plan dgx-h100:2 llama3-8b --gbs 64 "${@:2}"
        [ "$status" -eq 1 ] && [[ "$stderr" == *"$1"* ]] || { echo "status $status; $stderr"; return 1; }
    }
    unfit "found tp 3, which does not divide the model's attention heads 32" --tp 3
    unfit "found a plan for 33 chips" --pp 33
    unfit "found gbs 64, which is not a multiple of mbs 1 x dp 5" --dp 5
    unfit "which has no experts" --ep 4 --tp 8
    unfit "found zero 9" --set zero=9
    unfit "found a plan for 64 chips" --set zero-group=64
    unfit "found vpp 2 with schedule dualpipe" --schedule dualpipe --vpp 2
    refuses "found tp twice in a plan" plan dgx-h100:2 llama3-8b --gbs 64 --set "tp=2 tp=4"
}
