# superpod calibrate: the committed catalog is what is fitted; the same answer whatever the catalog holds; bad files.
load helper

@test "constants of kernels and collectives are what the catalog holds" {
    answers calibrate validation/kernels.csv validation/collectives.csv --check
    says "the catalog is what is fitted"
}

@test "every fitted constant has its rows, and leaving groups out costs at most half as much again" {
    answers calibrate validation/kernels.csv validation/collectives.csv --json
    json 'result["constants_fitted"] == 17 and all(c["rows"] >= 15 for c in result["constants"] if not c["kept"])'
    json 'all(c["error_left_out"] <= 1.5 * c["error_fitted"] for c in result["constants"])'
    json 'all(c["low"] <= c["value"] <= c["high"] for c in result["constants"])'
}

@test "rows of a source are predicted by constants that have not seen it" {
    answers calibrate validation/kernels.csv --leave-out source --json
    json 'len(result["left_out"]) == 14 and sum(s["rows"] for s in result["left_out"]) == result["parts"][0]["rows"]'
    json 'abs(sum(s["rows"] * s["error_left_out"] for s in result["left_out"]) / result["parts"][0]["rows"] - result["parts"][0]["error_left_out"]) < 1e-9'
    json '[s["key"] for s in result["left_out"] if s["name"] == "FlashAttention-3 README"] == ["attention_fwd_fraction"]'
    json 'all(a["error_left_out"] - a["error_fitted"] >= b["error_left_out"] - b["error_fitted"] for a, b in zip(result["left_out"], result["left_out"][1:]))'
    answers calibrate validation/kernels.csv --leave-out class
    says "gb200"
    says "attention_fwd_fraction"
    refuses "intervals in the catalog are of groups left out" calibrate validation/kernels.csv --leave-out class --check
}

@test "what is fitted does not depend on what the catalog holds" {
    cp -r catalog "$BATS_TEST_TMPDIR/catalog"
    sed -i 's/mem_fraction: {value: \[[^]]*\]/mem_fraction: {value: [0.4, 0.5, 0.6]/; s/gemm_fill: {value: \[[^]]*\], grade: fitted/gemm_fill: {value: [8us, 9us, 10us], grade: fitted/' \
        "$BATS_TEST_TMPDIR"/catalog/families/*.yaml
    sed -i 's/launch: {value: \[[^]]*\]/launch: {value: [30us, 40us, 50us]/; s/ step: {value: \[[^]]*\], grade: fitted/ step: {value: [3us, 4us, 5us], grade: fitted/' \
        "$BATS_TEST_TMPDIR"/catalog/stacks/{nccl,deepep,uccl-ep}.yaml
    sed -i 's/latency: {value: \[[^]]*\], grade: fitted/latency: {value: [4us, 4.3us, 5us], grade: fitted/' "$BATS_TEST_TMPDIR"/catalog/machines/aws-p5.yaml
    run --separate-stderr "$SUPERPOD" calibrate validation/kernels.csv validation/collectives.csv --check --catalog "$BATS_TEST_TMPDIR/catalog"
    [ "$status" -eq 1 ]
    says "are not what is fitted"
    answers calibrate validation/kernels.csv validation/collectives.csv --catalog "$BATS_TEST_TMPDIR/catalog" --write "$BATS_TEST_TMPDIR/catalog"
    diff -r catalog "$BATS_TEST_TMPDIR/catalog"
}

@test "layouts of one model are ranked as measured" {
    table=../shared/validation/vtrain/ground_truth_single.csv
    [ -e "$table" ] || skip "$table is absent"
    answers calibrate "$table" --json
    json 'result["ranking"]["layouts"] == 1440 and result["ranking"]["models"]["correlation"] >= 0.9'
    json 'result["ranking"]["models"]["distance"] <= 0.05 and result["ranking"]["jobs"]["distance"] <= 0.05'
    json 'all(abs(c["catalog"] / c["value"] - 1) < 0.1 for c in result["constants"])'
}

@test "calibrate: an interrupt ends it with 130 and leaves the catalog as it was" {
    mkdir "$BATS_TEST_TMPDIR/out"
    "$SUPERPOD" calibrate --only training --write "$BATS_TEST_TMPDIR/out" > /dev/null 2> "$BATS_TEST_TMPDIR/said" &
    pid=$!
    sleep 1
    kill -INT "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 130 ] && [ "$(cat "$BATS_TEST_TMPDIR/said")" = "error: interrupted" ]
    [ -z "$(ls "$BATS_TEST_TMPDIR/out")" ]
}

@test "the schema of calibrate" {
    valid calibrate validation/kernels.csv
}

@test "files that nothing is fitted on are refused" {
    refuses "cannot open" calibrate "$BATS_TEST_TMPDIR/none.csv"
    printf 'a,b\n1,2\n' > "$BATS_TEST_TMPDIR/x.csv"
    refuses "x.csv:1:1: error: no constants are fitted on a table of these columns" calibrate "$BATS_TEST_TMPDIR/x.csv"
    refuses "none of the files is a table of training" calibrate validation/kernels.csv --only training
    refuses "expected" calibrate --only nothing
    refuses "time_to_train.csv:1:1: error: no constants" calibrate validation/time_to_train.csv
    printf 'micro batch\n1\n' > "$BATS_TEST_TMPDIR/l.csv"
    refuses "column '# GPUs' is missing" calibrate "$BATS_TEST_TMPDIR/l.csv"
}
