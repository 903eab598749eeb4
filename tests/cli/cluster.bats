# operate, place, check-placement, spares: answers, contract keys, bad input.
load helper

BUSY="operate atlas-950-superpod-1024 --years 0.05 --seeds 3 --jobs mix:load=0.8,jobs=500"

@test "operate: contract keys, losses that sum to 1, intervals" {
    # shellcheck disable=SC2086
    answers $BUSY --json
    json 'set(("ettr", "goodput", "losses", "utilisation", "mttf_s", "mttr_s", "ci95", "jobs", "events", "years_per_s")) <= set(result)'
    json 'sum(result["losses"].values()) == 1 and result["losses"]["useful"] == result["goodput"]'
    json 'r["seed"] == 1 and result["seeds"] == 3 and result["jobs"] == 500 and result["ci95"]["goodput"] > 0'
}

@test "operate: the same seeds, the same bits" {
    # shellcheck disable=SC2086
    answers $BUSY --json
    first="$(printf '%s' "$output" | grep -v years_per_s)"
    # shellcheck disable=SC2086
    answers $BUSY --json
    [ "$first" = "$(printf '%s' "$output" | grep -v years_per_s)" ]
    # shellcheck disable=SC2086
    answers $BUSY --json --seed 2
    [ "$first" != "$(printf '%s' "$output" | grep -v years_per_s)" ]
}

@test "operate: the whole supercluster, faster checkpoints give more" {
    answers operate atlas-950-supercluster --jobs one --years 0.02 --seeds 1 --json
    slow="$output"
    answers operate atlas-950-supercluster --jobs one --years 0.02 --seeds 1 --checkpoint 1s --detect 1s --restart 10s --swap 10s --json
    json 'result["ettr"] > 0.8'
    output="$slow"
    json 'result["ettr"] < 0.1'
}

@test "operate: jobs of files, repairs told" {
    log="$(file log.swf <<'END'
; Version: 2.2
1 0 -1 100 8 -1 -1 8 200 -1 1
2 10 -1 100 -1 -1 -1 16 -1 -1 1
3 20 -1 -1 -1 -1 -1 -1 -1 -1 0
END
)"
    answers operate atlas-950-superpod-1024 --jobs "$log" --years 0.001 --seeds 1 --failures none --json
    json 'result["jobs_done"] == 2 and result["repaired"] == 1 and result["skipped"] == 1 and r["inputs"][-1]["path"].endswith("log.swf")'
    answers operate atlas-950-superpod-1024 --jobs "$log" --years 0.001 --seeds 1 --failures none
    says "line 3: no requested time"
    table="$(file jobs.csv <<'END'
who,start,secs,gpus
"a, b",0,60,8
c,30,60,1024
END
)"
    answers operate atlas-950-superpod-1024 --jobs "$table" --map submit=start,run=secs,chips=gpus --years 0.001 --seeds 1 --failures none --json
    json 'result["jobs_done"] == 2 and result["wait_p99_s"] >= 0'
    refuses "no column 'run'" operate atlas-950-superpod-1024 --jobs "$table" --map submit=start,chips=gpus
}

@test "operate: generated jobs leave room for what is broken, and all of them start" {
    answers operate atlas-950-superpod --jobs mix:load=0.5 --years 0.2 --seeds 1
    says "of at most 8064 chips"
    answers operate atlas-950-superpod --jobs mix:load=0.5 --years 0.2 --seeds 1 --json
    json 'result["failures"] > 300 and result["jobs_started"] >= result["jobs"] - 3'
}

@test "operate: bad input" {
    bad="$(printf '1 0 -1 100 9999 -1 -1 9999\n' | file big.swf)"
    refuses "a job of 9999 chips; the machine has 1024" operate atlas-950-superpod-1024 --jobs "$bad"
    bad="$(printf '1 0 -1 100 8 x\n' | file word.swf)"
    refuses "word.swf:1:14: error: found 'x'" operate atlas-950-superpod-1024 --jobs "$bad"
    bad="$(printf 'submit,chips,run\n0,8.5,100\n' | file half.csv)"
    refuses "half.csv:2: error: a job of 8.5 chips; expected a whole number" operate atlas-950-superpod-1024 --jobs "$bad"
    bad="$(printf 'submit,chips,run\n0,nan,100\n' | file nan.csv)"
    refuses "nan.csv:2:3: error: found 'nan' in column 2 (chips)" operate atlas-950-superpod-1024 --jobs "$bad"
    refuses "jobs:1:5: error: found 'jobs=0'; expected more than 0" operate atlas-950-superpod-1024 --jobs mix:jobs=0
    refuses "jobs:1:10: error: '1e300' is too large" operate atlas-950-superpod-1024 --jobs mix:jobs=1e300
    refuses "blocks of 100 chips; expected up to 64" operate atlas-950-superpod-1024 --segment 100
    refuses "a checkpoint of 1e+12 s; expected 0 to 10^9" operate atlas-950-superpod-1024 --checkpoint 1e12s
    refuses "unknown jobs 'filly'" operate atlas-950-superpod-1024 --jobs filly
    refuses "load=0" operate atlas-950-superpod-1024 --jobs mix:load=0
    refuses "no failures 'none-such'" operate atlas-950-superpod-1024 --failures none-such
    refuses "--years" operate atlas-950-superpod-1024 --years 0
    refuses "--checkpoint" operate atlas-950-superpod-1024 --checkpoint 30
    rates="$(file wild.yaml <<'END'
name: wild
title: "too many"
classes:
  - {name: x, unit: chip, rate: {value: 1000000000/y, grade: guess, source: "test"}}
END
)"
    refuses "wild.yaml:4:33: error: 1.02e+12 failures are expected in the time simulated, 1.02e+12 of class 'x' with 1024 units" operate atlas-950-superpod-1024 --failures "$rates"
}

@test "place: nodes, rank order, and why not" {
    answers place atlas-950-superpod 1024 --used 0-100,640 --json
    json 'result["fits"] and result["nodes"] == "128-255" and result["rank_order"] == "1024-2047" and result["slowdown"] == 1 and result["step_time_s"] is None'
    answers place atlas-950-superpod 512 --network llama3-70b --set "tp=8 dp=64 gbs=512 seq=4096 recompute=full" --json
    json 'result["step_time_s"] > 0 and result["slowdown"] == 1'
    run "$SUPERPOD" place atlas-950-superpod 8192 --used 3
    [ "$status" -eq 1 ]
    says "needs 8192 chips and 8191 of 8192 are free"
    run "$SUPERPOD" place atlas-950-superpod 65 --policy sub-array --json
    [ "$status" -eq 1 ]
    json 'not result["fits"] and "policy sub-array" in result["why"]'
    run "$SUPERPOD" place atlas-950-superpod 8 --policy cubes
    [ "$status" -eq 1 ]
    says "policy cubes has no place for 8 chips even on the empty machine; --policy best or scatter takes others"
    run "$SUPERPOD" place atlas-950-superpod-1024 64 --policy sub-array --used 0,64,128,192,256,320,384,448,512,576,640,704,768,832,896,960
    [ "$status" -eq 1 ]
    says "1008 chips are free, but not in the form that policy sub-array asks for"
    refuses "--segment: error: found blocks of 64 for 100 chips; expected a divisor of them" place atlas-950-superpod 100 --segment 64
    refuses "expected a whole number from 1 to 8192" place atlas-950-superpod 0
    refuses "--used" place atlas-950-superpod 8 --used 8192
}

@test "check-placement: hosts or chips, good and bad" {
    answers check-placement atlas-950-superpod 128 0-15 --json
    json 'result["whole"] and result["aligned"] and result["connected"] and result["spares"] == 2 and result["slowdown"] == 1'
    run "$SUPERPOD" check-placement atlas-950-superpod 2 0,9 --json
    [ "$status" -eq 1 ]
    json 'not result["connected"]'
    refuses "expected 128 chips, or 16 hosts of 8 chips" check-placement atlas-950-superpod 128 0-16
    refuses "outside the machine" check-placement atlas-950-superpod 16 1023-1024
}

@test "what place gives, check-placement accepts" {
    for chips in 1 4 8 12 48 64 200 1024 4096; do
        answers place atlas-950-superpod "$chips" --json
        ranks="$(printf '%s' "$output" | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"]["rank_order"])')"
        run "$SUPERPOD" check-placement atlas-950-superpod "$chips" "$ranks" --json
        json 'result["connected"] and result["slowdown"] < 1.2'
    done
    for chips in 8 64 128 1024; do   # boxes and cubes of a torus
        answers place tpu-v4-pod "$chips" --used 0-70 --json
        ranks="$(printf '%s' "$output" | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"]["rank_order"])')"
        answers check-placement tpu-v4-pod "$chips" "$ranks" --json
        json 'result["whole"] and result["connected"] and result["slowdown"] < 1.3'
    done
    run "$SUPERPOD" check-placement tpu-v4-pod 64 0-15   # four rows of a plane
    says "a box of the torus"
    answers check-placement dgx-h100:64 64 0-7
    says "racks are switched"
}

@test "spares: the table of a SuperCluster" {
    answers spares atlas-950-supercluster --json
    json 'close(result["rack_spares"][0]["pod"], 0.33, 0.02) and [p["machine_spares"] for p in result["pool_spares"]][:2] == [98, 491]'
    answers spares atlas-950-supercluster --repair 24h
    says "0.998694"
    refuses "--repair" spares atlas-950-supercluster --repair 0s
}

@test "schema of operate" {
    # shellcheck disable=SC2086
    valid $BUSY
}
@test "schema of place" { valid place atlas-950-superpod 1024; }
@test "schema of check-placement" { valid check-placement atlas-950-superpod 128 0-15; }
@test "schema of spares" { valid spares atlas-950-superpod; }

@test "place: the recovery table of a plan, judged by the network" {
    answers place atlas-950-superpod 1024 --network llama3-70b --set "tp=8 gbs=512 seq=4096 recompute=full" --recovery --json
    json 'result["judged"]["misses"] >= 1 and result["judged"]["hits"] > result["judged"]["misses"] and result["step_time_s"] > 0'
    json '{(x["part"], x["stands_by"]): x["rung"] for x in result["recovery"] if x["down"]}[("chip", "rack spare")] == "spare"'
    json 'all(x["transition_s"] >= 0 and (x["speed"] > 0 or x["rung"] == "wait") and "tp=" in x["plan"] for x in result["recovery"])'
    valid place atlas-950-superpod 1024 --network llama3-70b --set "tp=8 gbs=512 seq=4096 recompute=full" --recovery
    refuses "give --network MODEL" place atlas-950-superpod 1024 --recovery
    refuses "is not the job's 1024 chips" place atlas-950-superpod 1024 --network llama3-70b --set "tp=8 dp=3 gbs=512"
}

@test "operate: orders and checkpoints of the machine's own bandwidths" {
    answers operate atlas-950-superpod --jobs one --years 0.02 --seeds 1 --checkpoint storage --json
    slow="$output"
    answers operate atlas-950-superpod --jobs one --years 0.02 --seeds 1 --checkpoint storage --background --json
    behind="$(printf '%s' "$output" | python3 -c 'import json, sys; print(json.load(sys.stdin)["result"]["losses"]["checkpoint"])')"
    output="$slow"
    json "result[\"losses\"][\"checkpoint\"] > 3 * $behind > 0"
    refuses "--detect:1:1: error: found 'nobody'; expected a time, as 30s, or who notices: mindcluster, heartbeat, watchdog, timeout" operate atlas-950-superpod --detect nobody
    refuses "--detect" operate atlas-950-superpod --detect -3s
    refuses "expected local, peer or storage" operate atlas-950-superpod --background
    refuses "expected priority or deadline" operate atlas-950-superpod --preempt --years 0.001 --seeds 1
    # shellcheck disable=SC2086
    refuses "only their plans can be searched" operate atlas-950-superpod --replan --years 0.001 --seeds 1
    refuses "which is negative" operate atlas-950-superpod --defrag -1 --years 0.001 --seeds 1
    refuses "expected 0 (never) to 10^9" operate atlas-950-superpod --defrag 1e10 --years 0.001 --seeds 1
    refuses "expected rack:N, pod:N or machine:N" operate atlas-950-superpod --reserve pod16 --years 0.001 --seeds 1
    refuses "it has 8: keep fewer" operate atlas-950-superpod --reserve rack:8 --years 0.001 --seeds 1
    answers $BUSY,chips=512 --reserve pod:8 --json
    json 'result["losses"]["spare"] > 0.004 and sum(result["losses"].values()) == 1'
    answers $BUSY --policy pod --defrag 1 --json
    json 'result["moved"] >= 0 and sum(result["losses"].values()) == 1'
    answers $BUSY,priorities=3 --queue priority --preempt --json
    json 'result["preemptions"] >= 0 and sum(result["losses"].values()) == 1'
}

@test "operate: an order that nothing distinguishes jobs by is told" {
    # shellcheck disable=SC2086
    for order in priority fair-share deadline; do
        answers $BUSY --queue $order
        says "no two jobs differ in their"
        says "they go as in easy"
    done
    answers $BUSY,priorities=3 --queue priority
    [[ "$output" != *"no two jobs differ"* ]]
    answers $BUSY,users=9 --queue fair-share
    [[ "$output" != *"no two jobs differ"* ]]
    answers $BUSY,slack=2 --queue deadline
    [[ "$output" != *"no two jobs differ"* ]]
    table="$(printf 'submit,run,chips,priority\n0,100,8,1\n0,100,8,1\n' | file same.csv)"
    answers operate atlas-950-superpod --jobs "$table" --years 0.001 --seeds 1 --queue priority
    says "no two jobs differ in their priorities"
    answers operate atlas-950-superpod --jobs "$table" --years 0.001 --seeds 1 --queue easy
    [[ "$output" != *"no two jobs differ"* ]]
}

@test "operate: a generator's words after a comma" {
    refuses "--jobs:1:4: error: found 'mix,load=0.95'; expected 'mix:load=0.95'" operate atlas-950-superpod --jobs mix,load=0.95
    refuses "unknown jobs 'mixx,load=1'" operate atlas-950-superpod --jobs mixx,load=1
}

@test "place: what does not fit is told when it will" {
    jobs="$BATS_TEST_TMPDIR/running.txt"
    printf '# NAME IDS TIME\nbig 0-511 3h\nmid 512-767 20min\nold 768-831\n' > "$jobs"
    answers place atlas-950-superpod-1024 128 --running "$jobs"
    says "nodes         112-127"   # beside the jobs
    run "$SUPERPOD" place atlas-950-superpod-1024 256 --running "$jobs"
    [ "$status" -eq 1 ]
    says "needs 256 chips and 192 of 1024 are free; in 20 min, when mid ends"
    run "$SUPERPOD" place atlas-950-superpod-1024 512 --running "$jobs" --json
    json 'result["when"] == 3 * 3600 and result["after"] == "big"'
    printf '%s' "$output" > "$BATS_TEST_TMPDIR/1.json"
    if "$PYTHON" -c 'import jsonschema; jsonschema.Draft202012Validator' 2> /dev/null; then obeys place "$BATS_TEST_TMPDIR/1.json"; fi
    run "$SUPERPOD" place atlas-950-superpod-1024 1024 --running "$jobs"
    says "nor when all jobs whose end is known have ended"
    refuses "expected the time that it still runs" place atlas-950-superpod-1024 8 --running <(echo "j 0-7 soon")
    refuses "chip 3 is taken" place atlas-950-superpod-1024 8 --used 3 --running <(echo "j 0-7 1h")
}

@test "defrag: moves that free racks" {
    jobs="$(file jobs.txt <<'END'
# who has what
small 0-7
half 64-95

other 128-143
END
)"
    answers defrag atlas-950-superpod-1024 "$jobs" --segment 128 --blocks 7 --json
    json 'result["blocks_before"] == 6 and result["blocks_after"] == 7 and len(result["moves"]) == 1'
    json 'result["moves"][0] == {"job": "small", "from_rack": 0, "to_rack": 1, "chips": 8, "from_chips": "0-7", "to_chips": "96-103", "blocks": 7, "cost_chip_hours": result["cost_chip_hours"]}'
    json 'close(result["cost_chip_hours"], 8 * 630 / 3600, 1e-9)'
    run "$SUPERPOD" defrag atlas-950-superpod-1024 "$jobs" --segment 128 --blocks 8
    [ "$status" -eq 1 ]   # three jobs of 56 chips need one rack
    says "of the 8 wanted: no moves were found that free more"
    valid defrag atlas-950-superpod-1024 "$jobs" --segment 64 --blocks 14
    answers defrag atlas-950-superpod-1024 "$jobs" --segment 64 --blocks 14
    says "small"
    answers defrag atlas-950-superpod-1024 "$jobs" --segment 64 --blocks 15 --plan
    says "1  small      8  0-7         96-103             14                1.4"
    says "2  other     16  128-143     104-119            15                4.2"
    says "value/cost    0.4762 blocks for a chip-hour"
    refuses "--segment" defrag atlas-950-superpod-1024 "$jobs"
    refuses "whole racks" defrag atlas-950-superpod-1024 "$jobs" --segment 100
    twice="$(printf 'a 0-7\nb 7-9\n' | file twice.txt)"
    refuses "twice.txt:2:3: error: job b: chip 7 is taken" defrag atlas-950-superpod-1024 "$twice" --segment 64
    names="$(printf 'a 0-7\n\nb 8\n# a\na 64-71\nb 80\n' | file names.txt)"
    refuses "names.txt:5:1: error: job a stands in line 1 too" defrag atlas-950-superpod-1024 "$names" --segment 64
    refuses "names.txt:5:1: error: job a stands in line 1 too" place atlas-950-superpod-1024 8 --running "$names"
    refuses ":1:8: error: job 1: found '100' after its chips and its time" defrag atlas-950-superpod-1024 <(echo "1 0 3h 100") --segment 64
    refuses "cannot open the file" defrag atlas-950-superpod-1024 /nowhere --segment 64
}

@test "operate: what can never start, and options that contradict each other" {
    refuses "the policy 'cubes' has no place for them even on the empty machine" operate dgx-h100:16 --policy cubes --years 0.01 --seeds 1
    refuses "the policy 'sub-array' has no place" operate dgx-h100:16 --policy sub-array --jobs mix:jobs=100 --years 0.01 --seeds 1
    refuses "does not hold whole hosts of 8" operate "mesh:8@50GB/s,1us rack=3 chip=h100" --years 0.01 --seeds 1
    refuses "are not whole racks of 64 with spares" operate "switch:96@50GB/s,1us rack=64+1 chip=h100" --years 0.01 --seeds 1
    refuses "racks of 128 chips with spares cannot be operated" operate "switch:256@50GB/s,1us rack=128+2 chip=h100" --years 0.01 --seeds 1
    answers operate "switch:96@50GB/s,1us rack=64 chip=h100" --years 0.01 --seeds 1
    [[ "$output" == *"its racks of 64 are not all full, so that hosts stand for racks"* ]]
    refuses "no job is a multiple of that" operate dgx-h100:16 --segment 7 --years 0.01 --seeds 1
    refuses "found --jobs pretrain, which is no file" operate dgx-h100:16 --map submit=a --years 0.01 --seeds 1
    refuses "--interval:1:1: error: found 0s" operate dgx-h100:16 --interval 0s --years 0.01 --seeds 1
    refuses "--power-cap:1:1: error: found 0W" operate dgx-h100:16 --power-cap 0W --years 0.01 --seeds 1
    refuses "a checkpoint of 3.6e+12 s" operate dgx-h100:16 --checkpoint 1e9h --years 0.01 --seeds 1
    bad="$(printf '1 0 -1 100 8\n2 5 y 10 8\n' | file field.swf)"
    refuses "field.swf:2:5: error: found 'y' as field 3" operate dgx-h100:16 --jobs "$bad"
}

@test "operate: an output does not replace a log, another output or what is read" {
    log="$BATS_TEST_TMPDIR/log.db"
    answers operate dgx-h100:16 --log "$log" --years 0.01 --seeds 1
    before="$(sha256sum "$log")"
    refuses "is given for --log and for --svg" operate dgx-h100:16 --log "$log" --svg "$log" --years 0.01 --seeds 1
    ln -s "$log" "$BATS_TEST_TMPDIR/other"
    refuses "is given for --log and for --metrics" operate dgx-h100:16 --log "$log" --metrics "$BATS_TEST_TMPDIR/other" --years 0.01 --seeds 1
    [ "$(sha256sum "$log")" = "$before" ]
    jobs="$(printf '1 0 -1 100 8\n' | file kept.swf)"
    refuses "is given for --svg and for --jobs" operate dgx-h100:16 --jobs "$jobs" --svg "$jobs" --years 0.01 --seeds 1
}

@test "operate: what a run has nothing of is null, not 0" {
    answers operate dgx-h100:16 --failures none --jobs one:chips=64 --years 0.01 --seeds 2 --json
    json 'result["tokens_per_day"] is None and result["mttf_s"] is None and result["mttr_s"] is None and result["slowdown_host"] is None and result["interruptions"] == 0'
    json 'result["wait_mean_s"] == 0 and result["ci95"]["goodput"] == 0 and result["ci95"]["mttf_s"] is None'
    answers operate dgx-h100:16 --jobs one:chips=64 --years 0.01 --seeds 1 --json
    json 'result["goodput"] > 0 and result["ci95"]["goodput"] is None and result["ci95"]["losses"]["useful"] is None'
    valid operate dgx-h100:16 --failures none --jobs one:chips=64 --years 0.01 --seeds 1
}

@test "defrag, place: a folder is no list of jobs" {
    refuses "cannot read the file: Is a directory" defrag dgx-h100:16 "$BATS_TEST_TMPDIR" --segment 32
    refuses "cannot read the file: Is a directory" place dgx-h100:16 8 --running "$BATS_TEST_TMPDIR"
}
