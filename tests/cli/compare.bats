# superpod compare: contract keys, what is held equal, what is refused. The machines are small, so that a search takes a moment.
load helper

WEAK="mesh:8@56GB/s,200ns clos:4@224GB/s,1us chip=ascend-950dt"
STRONG="dgx-h100:4"

dense() {
    cat > "$BATS_TEST_TMPDIR/config.json" <<'JSON'
{"model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_attention_heads": 32, "num_hidden_layers": 16,
 "num_key_value_heads": 32, "vocab_size": 32000, "max_position_embeddings": 4096, "tie_word_embeddings": false,
 "hidden_act": "silu"}
JSON
    echo "$BATS_TEST_TMPDIR/config.json"
}

@test "compare: contract keys" {
    answers compare "$(dense)" "$WEAK" "$STRONG" --gbs 64 --seq 4096 --json
    json 'r["schema"] == "superpod/compare/1" and [m["chips"] for m in result["machines"]] == [32, 32]'
    json 'all(set(("name", "chips", "tokens_per_s", "mfu", "power_w", "cost")) <= set(m) for m in result["machines"])'
    json 'set(("low", "nominal", "high")) <= set(result["breakeven"]["chips"]) and set(("low", "nominal", "high")) <= set(result["breakeven"]["bw"])'
    json 'all(m["tokens_per_s_range"]["low"] <= m["tokens_per_s"] <= m["tokens_per_s_range"]["high"] for m in result["machines"])'
    json 'result["ablation"] == [] and result["sensitivity"] == []'
    json 'result["searched"]["searches"] >= 2 and result["searched"]["legal"] >= result["searched"]["priced"] > result["searched"]["simulated"] > 0'
}

@test "compare: twice the same, bit for bit" {
    answers compare "$(dense)" "$WEAK" "$STRONG" --gbs 64 --sensitivity --json
    first="$output"
    answers compare "$(dense)" "$WEAK" "$STRONG" --gbs 64 --sensitivity --json
    [ "$first" = "$output" ]
}

@test "compare: a machine against itself needs as many chips and as fast links" {
    answers compare "$(dense)" "$WEAK" "$WEAK" --gbs 64 --json
    json 'close(result["breakeven"]["ratio"]["nominal"], 1) and close(result["breakeven"]["ratio"]["low"], 1) and close(result["breakeven"]["ratio"]["high"], 1)'
    json '0.9 <= result["breakeven"]["chips"]["nominal"] <= 1.0001 and result["breakeven"]["bw"]["nominal"] <= 1.0001'
}

@test "compare: the recipe is what all machines multiply" {
    answers compare "$(dense)" "$WEAK" "$STRONG" --gbs 64 --json
    json 'result["precision"] == "bf16" and {m["precision"] for m in result["machines"]} == {"bf16"}'
    answers compare "$(dense)" "$WEAK" "$STRONG" --gbs 64 --best-precision --json
    json '{m["precision"] for m in result["machines"]} == {"fp8"}'
}

@test "compare: layers of the stack end at the tuned plan" {
    answers compare "$(dense)" "$WEAK" --gbs 64 --ablate --json
    json '[s["layer"] for s in result["ablation"][0]["steps"]] == ["naive", "kernels", "formats", "collectives", "memory", "offload", "placement", "overlap", "plan"]'
    json '{s["layer"]: s["gain"] for s in result["ablation"][0]["steps"]}["offload"] >= 1'
    json 'result["ablation"][0]["steps"][0]["layer"] == "naive" and result["ablation"][0]["steps"][-1]["layer"] == "plan"'
    json 'close(result["ablation"][0]["steps"][-1]["tokens_per_s"], result["machines"][0]["tokens_per_s"], 1e-9)'
    json 'abs(result["ablation"][0]["steps"][0]["tokens_per_s"] * __import__("math").prod(s["gain"] for s in result["ablation"][0]["steps"]) / result["machines"][0]["tokens_per_s"] - 1) < 1e-9'
}

@test "compare: ten values a metric, largest first" {
    answers compare "$(dense)" "$WEAK" "$STRONG" --gbs 64 --sensitivity --json
    json '[s["metric"] for s in result["sensitivity"]] == ["tokens_per_s"] * 10 + ["cost_usd"] * 10'
    json 'all(s["low"] < s["high"] and s["low"] <= s["nominal"] <= s["high"] for s in result["sensitivity"])'
}

@test "compare: only what can be had then" {
    answers compare "$(dense)" dgx-h100:4 vr-nvl72 --gbs 64 --as-of 2025Q4 --json
    json '[m["name"] for m in result["machines"]] == ["dgx-h100:4"] and len(result["refused"]) == 1 and result["breakeven"] is None'
}

@test "compare: sized to be equal" {
    answers compare "$(dense)" dgx-h100:4 gb200-nvl72 --gbs 64 --equal chips --json
    json '[m["chips"] for m in result["machines"]] == [32, 32]'
    answers compare "$(dense)" dgx-h100:4 gb200-nvl72 --gbs 64 --equal price --json
    json 'abs(result["machines"][0]["capital_usd"]["nominal"] / result["machines"][1]["capital_usd"]["nominal"] - 1) < 0.05'
}

@test "compare: what is refused" {
    refuses "did you mean" compare "$(dense)" atlas-950-superpd
    refuses "--as-of" compare "$(dense)" dgx-h100 --as-of soon
    refuses "--as-of" compare "$(dense)" dgx-h100 --as-of 2027Q5
    refuses "none of the 1 machines" compare "$(dense)" vr-nvl72 --as-of 2020
    refuses "--tokens" compare "$(dense)" dgx-h100 --tokens many
    refuses "MACHINE" compare "$(dense)"
    refuses "--equal" compare "$(dense)" "$WEAK" --equal racks
    refuses "--goodput, --curves or --html" compare "$(dense)" "$WEAK" --failures llama3
}

@test "compare: a page, whole and self-contained" {
    answers compare "$(dense)" "$WEAK" "$STRONG" --gbs 64 --effort quick --html "$BATS_TEST_TMPDIR/page.html" -q
    grep -q "</html>" "$BATS_TEST_TMPDIR/page.html"
    ! grep -Eq 'src=|href=|<script' "$BATS_TEST_TMPDIR/page.html"
}

@test "compare --curves: over failures what --goodput says at their own rate, and less the more often parts fail" {
    answers compare llama3-8b "mesh:8@56GB/s,200ns clos:8@224GB/s,1us chip=ascend-950dt chips-per-host=8" --gbs 256 --effort quick --goodput --curves --json
    json '[c["axis"] for c in result["curves"]] == ["chips", "bw", "flops", "failures"]'
    json 'len(result["curves"][3]["points"]) == 13 and all(a["tokens_per_s"] > b["tokens_per_s"] for a, b in zip(result["curves"][3]["points"], result["curves"][3]["points"][1:]))'
    json 'close(86400 * result["curves"][3]["points"][6]["tokens_per_s"], result["machines"][0]["goodput"]["useful_tokens_per_day"]["nominal"])'
    answers compare llama3-8b "mesh:8@56GB/s,200ns chip=ascend-950dt" --gbs 256 --effort quick --curves --failures none --json
    json '[c["axis"] for c in result["curves"]] == ["chips", "bw", "flops"]'
}

@test "compare for people" {
    answers compare "$(dense)" "$WEAK" "$STRONG" --gbs 64
    [[ "$output" == *"tokens/s a watt"* && "$output" == *"Where the number is itself an end of its range"* ]]
    says "more chips alone do not reach it: its kind of machine ends at 32"
    answers compare "$(dense)" "$STRONG" "$WEAK" --gbs 64
    says "reaches it with"
}

@test "schema of compare with everything" { valid compare "$(dense)" "$WEAK" "$STRONG" --gbs 64 --effort quick --ablate --sensitivity --curves --sources; }

@test "compare --goodput: useful tokens beside the healthy ones" {
    answers compare llama3-8b "mesh:8@56GB/s,200ns clos:8@224GB/s,1us chip=ascend-950dt chips-per-host=8" "switch:8@450GB/s,1us clos:8@50GB/s,4us,nic chip=h100 chips-per-host=8" --gbs 256 --effort quick --goodput --json
    json 'all(m["goodput"]["failures"] == "llama3" and close(m["goodput"]["useful_tokens_per_day"]["nominal"], m["goodput"]["healthy_tokens_per_day"] * m["goodput"]["ettr"]) for m in result["machines"])'
    json 'all(close(m["goodput"]["healthy_tokens_per_day"], 86400 * m["tokens_per_s"]) and m["goodput"]["useful_tokens_per_day"]["low"] < m["goodput"]["useful_tokens_per_day"]["high"] for m in result["machines"])'
    printf '%s' "$output" > "$BATS_TEST_TMPDIR/1.json"
    needs_jsonschema
    obeys compare "$BATS_TEST_TMPDIR/1.json"
    answers compare llama3-8b "mesh:8@56GB/s,200ns chip=ascend-950dt" --gbs 256 --effort quick --goodput --failures none
    says "100.0 %"
    refuses "no failures 'nothing'" compare llama3-8b "mesh:8@56GB/s,200ns chip=ascend-950dt" --gbs 256 --effort quick --goodput --failures nothing
}

# One machine of eight chips takes some seconds, the other at this effort minutes.
# Interrupts ever later, until the first machine was complete: how soon that is depends on the machine the tests run on.
interrupt_in_the_second() {
    local after
    for after in 3 9 27 81; do
        run --separate-stderr timeout --foreground --preserve-status -s INT "$after" "$SUPERPOD" "$@"
        [[ "$stderr" == *"before the best plan"* ]] || break
    done
}

@test "compare: an interrupt tells what was complete, exits with 130 and leaves no file half-written" {
    short=(compare mixtral-8x7b "mesh:8@56GB/s,200ns chip=ascend-950dt" --gbs 1024)
    page="$BATS_TEST_TMPDIR/page.html"
    interrupt_in_the_second "${short[@]}" atlas-960-supercluster --effort exhaustive --html "$page"
    [ "$status" -eq 130 ] || { echo "status $status; $stderr"; return 1; }
    [[ "$stderr" == *"interrupted; what was complete is shown, $page is not written"* ]]
    says "interrupted: 1 of 2 machines, 0 of 1 break-evens"
    says "tokens/s a chip"
    [ -z "$(find "$BATS_TEST_TMPDIR" -name 'page*')" ]
    interrupt_in_the_second "${short[@]}" atlas-960-supercluster --effort exhaustive --json
    [ "$status" -eq 130 ]
    json 'result["complete"] is False and len(result["machines"]) == 1 and result["breakeven"] is None and result["machines"][0]["tokens_per_s"] > 0'
    run --separate-stderr timeout --foreground --preserve-status -s INT 2 "$SUPERPOD" compare mixtral-8x7b atlas-960-supercluster --gbs 1024 --effort exhaustive --json
    [ "$status" -eq 130 ] && [ -z "$output" ]
    [[ "$stderr" == *"interrupted before the best plan on atlas-960-supercluster was known"* ]]
    answers "${short[@]}" --json
    json 'result["complete"]'
}
