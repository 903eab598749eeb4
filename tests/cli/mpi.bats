# Ranks of mpirun: the same answer bit for bit as one process, printed once; skipped where superpod was built without MPI.
load helper

ranks() { # N ARGS...: like answers, on N ranks
    local n="$1"
    shift
    [ -x "$(dirname "$SUPERPOD")/superpod-mpi" ] || skip "superpod was built without MPI"
    command -v mpirun > /dev/null || skip "mpirun is not installed"
    # leaks of the MPI library are not ours
    run --separate-stderr env ASAN_OPTIONS=detect_leaks=0 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 \
        OMPI_MCA_btl_vader_single_copy_mechanism=none timeout 120 mpirun -n "$n" "$SUPERPOD" "$@"
}

# What must be equal: all but times and the command line.
answer() { printf '%s' "$output" | python3 -c '
import json, sys
r = json.load(sys.stdin)
for key in ("cpu_s", "rss_bytes", "years_per_s", "placements_of_trainings"): r["result"].pop(key, None)
print(json.dumps(r["result"], sort_keys=True))'; }

@test "operate on ranks: as on one process" {
    args=(operate atlas-950-superpod-1024 --years 0.05 --seeds 5 --jobs mix:load=0.8,jobs=300 --json)
    answers "${args[@]}"
    one="$(answer)"
    for n in 2 3 7; do
        ranks "$n" "${args[@]}"
        [ "$status" -eq 0 ]
        [ "$(answer)" = "$one" ]
    done
}

@test "operate on threads: as on one" {
    args=(operate atlas-950-superpod-1024 --years 0.05 --seeds 5 --jobs mix:load=0.8,jobs=300 --json)
    answers "${args[@]}" --threads 1
    one="$(answer)"
    answers "${args[@]}" --threads 4
    [ "$(answer)" = "$one" ]
}

@test "plan on ranks: as on one process" {
    args=(plan "mesh:8@56GB/s,200ns clos:4@50GB/s,2us,nic chip=ascend-950dt" gpt-oss-20b --gbs 64 --seq 4096 --json)
    answers "${args[@]}"
    one="$(answer)"
    for n in 2 3; do
        ranks "$n" "${args[@]}"
        [ "$status" -eq 0 ]
        [ "$(answer)" = "$one" ]
    done
}

@test "ranks say an error once, and write a file once" {
    ranks 3 operate atlas-950-superpod-1024 --jobs filly
    [ "$status" -eq 2 ] && [ -z "$output" ]
    [ "$(grep -c "unknown jobs 'filly'" <<< "$stderr")" -eq 1 ]
    ranks 2 plan "mesh:8@56GB/s,200ns chip=ascend-950dt" llama3-8b --gbs 64 --seq 4096 --save "$BATS_TEST_TMPDIR/best.yaml" --json
    [ "$status" -eq 0 ] && [ -s "$BATS_TEST_TMPDIR/best.yaml" ]
    answers train "mesh:8@56GB/s,200ns chip=ascend-950dt" llama3-8b --plan "$BATS_TEST_TMPDIR/best.yaml" --json
}

@test "ranks: a file that cannot be written stops them all" {
    ranks 2 plan "mesh:8@56GB/s,200ns chip=ascend-950dt" llama3-8b --gbs 64 --seq 4096 --save /nonexistent/best.yaml
    [ "$status" -eq 2 ] && [ -z "$output" ]
    [ "$(grep -c "its folder does not exist" <<< "$stderr")" -eq 1 ]
}

@test "more ranks than seeds or items" {
    ranks 4 operate atlas-950-superpod-1024 --years 0.01 --seeds 1 --jobs one --json
    [ "$status" -eq 0 ]
    many="$(answer)"
    answers operate atlas-950-superpod-1024 --years 0.01 --seeds 1 --jobs one --json
    [ "$(answer)" = "$many" ]
}

@test "ranks write to one log, from which one process goes on" {
    args=(operate atlas-950-superpod-1024 --years 0.05 --jobs mix:load=0.8,jobs=300 --json)
    ranks 3 "${args[@]}" --seeds 4 --log "$BATS_TEST_TMPDIR/runs.db" --svg "$BATS_TEST_TMPDIR/runs.svg"
    [ "$status" -eq 0 ] && [ -s "$BATS_TEST_TMPDIR/runs.svg" ]
    answers "${args[@]}" --seeds 6 --log "$BATS_TEST_TMPDIR/runs.db"
    json 'result["seeds_in_log"] == 4'
    with="$(answer | sed 's/"seeds_in_log": 4/"seeds_in_log": 0/')"
    answers "${args[@]}" --seeds 6
    [ "$(answer)" = "$with" ]
}
