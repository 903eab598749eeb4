# superpod validate: the contract of its JSON, tables for people, the page, bad tables.
load helper

HEAD="id,hw_class,chips,chips_per_node,model,seq,tp,cp,pp,mbs,gbs,precision,recompute,framework,step_time_s,evidence,source"
ROW="H100,8,8,llama3.1-8b,8192,1,1,1,1,64,BF16,full,NeMo"

table() { # NAME, then lines
    local name="$1"
    shift
    printf '%s\n' "$@" > "$BATS_TEST_TMPDIR/$name"
    echo "$BATS_TEST_TMPDIR/$name"
}

@test "validate scores rows and says what it cannot express" {
    t="$(table t.csv "$HEAD" "A,$ROW,4,verbatim,s" "B,${ROW/H100/Abacus},4,verbatim,s" "C,$ROW,4,secondary,s")"
    answers validate "$t" --json
    json 'r["schema"] == "superpod/validate/1" and len(result["rows"]) == 3'
    json 'result["summary"]["rows"] == 2 and result["summary"]["expressed"] == 1 and result["secondary"]["rows"] == 1'
    json 'result["rows"][1]["status"] == "unexpressed" and "Abacus" in result["rows"][1]["reason"] and result["rows"][1]["predicted"] is None'
    json 'close(result["rows"][0]["ape"], abs(result["rows"][0]["predicted"] - 4) / 4) and close(result["summary"]["median_ape"], result["rows"][0]["ape"])'
    json '[g["n"] for g in result["groups"]] == [0, 1] and "constants_fitted" in result'
}

@test "validate prints tables" {
    t="$(table t.csv "$HEAD" "A,$ROW,4,verbatim,s" "B,${ROW/H100/Abacus},4,verbatim,s")"
    answers validate "$t"
    says "1 rows are not expressed"
    answers validate "$t" --rows
    says "Abacus"
}

@test "validate reads several kinds at once" {
    t="$(table t.csv "$HEAD" "A,$ROW,4,verbatim,s")"
    c="$(table c.csv "id,hw_class,op,ranks,nodes,size_bytes,busbw_gbs" "C,H100,all_reduce,8,1,1073741824,400")"
    answers validate "$t" "$c" --json
    json 'result["kinds"]["training"]["expressed"] == 1 and result["kinds"]["collectives"]["expressed"] == 1 and len(r["inputs"]) == 2'
}

@test "validate writes a page" {
    t="$(table t.csv "$HEAD" "A,$ROW,4,verbatim,s")"
    answers validate "$t" --report "$BATS_TEST_TMPDIR/v.md"
    grep -q "training, H100" "$BATS_TEST_TMPDIR/v.md" || grep -q "H100, s" "$BATS_TEST_TMPDIR/v.md"
    [ -s "$BATS_TEST_TMPDIR/v/training-h100.svg" ]
}

@test "a run of a row can be repeated by hand" {
    t="$(table t.csv "$HEAD" "A,$ROW,4,verbatim,s")"
    answers validate "$t" --json
    machine="$(printf '%s' "$output" | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"]["rows"][0]["machine"])')"
    plan="$(printf '%s' "$output" | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"]["rows"][0]["plan"])')"
    step="$(printf '%s' "$output" | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"]["rows"][0]["predicted"])')"
    run --separate-stderr "$SUPERPOD" train "$machine" llama3.1-8b --gbs 64 --seq 8192 --set "$plan" --json
    json "close(result['step_time_s'], $step)"
}

@test "the schema of validate" {
    t="$(table t.csv "$HEAD" "A,$ROW,4,verbatim,s" "B,${ROW/H100/Abacus},4,verbatim,s")"
    valid validate "$t"
}

@test "bad tables are refused with their place" {
    refuses "FILE.csv is missing" validate
    refuses "cannot open" validate "$BATS_TEST_TMPDIR/none.csv"
    refuses "b.csv:1:1: error: no header" validate "$(table b.csv "")"
    refuses "b.csv:2:1: error: the quote that opens this field is never closed" validate "$(table b.csv "id,model" '"x')"
    refuses "b.csv:2:1: error: 1 fields where the header has 2 columns" validate "$(table b.csv "id,model" "x")"
    refuses "b.csv:1:1: error: column 'hw_class' is missing" validate "$(table b.csv "id,model" "x,y")"
    refuses "b.csv:1:1: error: none of the columns" validate "$(table b.csv "a,b" "x,y")"
    refuses "b.csv:1:4: error: column 'id' stands twice" validate "$(table b.csv "id,id" "x,y")"
    refuses "b.csv:2:8: error: found 'eight' in column 'chips'" validate "$(table b.csv "$HEAD" "A,H100,eight,8,llama3.1-8b,8192,1,1,1,1,64,BF16,none,NeMo,4,verbatim,s")"
    refuses "must end in .md" validate "$(table b.csv "$HEAD" "A,$ROW,4,verbatim,s")" --report "$BATS_TEST_TMPDIR/page.html"
}

@test "a byte-order mark and CR LF are accepted" {
    printf '\xef\xbb\xbf%s\r\nA,%s,4,verbatim,s\r\n' "$HEAD" "$ROW" > "$BATS_TEST_TMPDIR/w.csv"
    answers validate "$BATS_TEST_TMPDIR/w.csv" --json
    json 'result["summary"]["expressed"] == 1'
}
