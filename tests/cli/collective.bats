# superpod collective: sizes, groups, algorithms, and what is refused.
load helper

POD="mesh:8@56GB/s,200ns mesh:8@56GB/s,200ns clos:8@224GB/s,1us chip=ascend-950dt"

@test "option twice, short and long" { refuses "--begin is given twice" collective x all-reduce -b 8 --begin=16; }
@test "collective: contract keys and nccl-tests' sizes and factors" {
    answers collective "$POD" all-reduce -b 1K -e 1M -f 4 --json
    json '[x["size_bytes"] for x in result["results"]] == [1024 * 4**i for i in range(6)]'
    json 'all(set(("size_bytes", "time_s", "algbw_bytes_per_s", "busbw_bytes_per_s", "lower_bound_s", "algorithm", "engine", "bottleneck")) == set(x) - {"bottleneck_fraction", "fraction_of_bound", "latency_s"} for x in result["results"])'
    json 'all(close(x["algbw_bytes_per_s"], x["size_bytes"] / x["time_s"]) for x in result["results"])'
    json 'all(close(x["busbw_bytes_per_s"], x["algbw_bytes_per_s"] * 2 * 511 / 512) for x in result["results"])'
    json 'all(x["lower_bound_s"] <= x["time_s"] for x in result["results"])'
    json 'result["ranks"] == 512 and r["schema"] == "superpod/collective/1"'
}

@test "collective: sizes end at -e even when -f steps over it" {
    answers collective "$POD" all-gather -b 1K -e 5K -f 2 --json
    json '[x["size_bytes"] for x in result["results"]] == [1024, 2048, 4096]'
}

@test "collective: every operation, for people" {
    for op in all-reduce all-gather reduce-scatter all-to-all broadcast send-recv; do
        answers collective "$POD" "$op" --group 0-63 -b 1M -e 1M
        says "$op"
        says "64 chips (8 x 8)"
    done
}

@test "collective: groups as boxes" {
    for group in 0-7=8 0-63=64 0,8,16,24,32,40,48,56=8 0-7,64-71,128-135,192-199=32 64-127=64; do
        answers collective "$POD" all-reduce --group "${group%=*}" -b 1M -e 1M --json
        json "result['ranks'] == ${group#*=}"
    done
}

@test "collective: a group that cannot be laid is refused with the reason" {
    refuses "--group:1:1: error: 8 chips from chip 4 at distance 1 straddle tier" collective "$POD" all-reduce --group 4-11
    refuses "--group:1:1: error: the group is irregular" collective "$POD" all-reduce --group 0-3,5
    refuses "--group:1:3: error:" collective "$POD" all-reduce --group 0-512
    refuses "--group:1:" collective "$POD" all-reduce --group 0-x
    refuses "--group:1:1: error: a group of 1 chip; a collective needs at least 2" collective "$POD" all-reduce --group 3
}

@test "collective: named algorithm and stack" {
    answers collective "$POD" all-reduce --group 0-7 --algo ring --stack ideal -b 1M -e 1M --json
    json 'result["results"][0]["algorithm"] == "ring" and result["stack"] == "ideal"'
    refuses "--algo:1:1: error: unknown value 'rang'; did you mean 'ring'?" collective "$POD" all-reduce --algo rang
    refuses "--stack:1:1: error: found stack 'ncll', expected one of ideal, " collective "$POD" all-reduce --stack ncll
    refuses "did you mean 'all-reduce'?" collective "$POD" all-reduc
}

@test "collective: sizes that cannot be meant" {
    refuses "--begin:1:1: error: found '-8'" collective "$POD" all-reduce -b -8
    refuses "--begin:1:2: error: found 'X'" collective "$POD" all-reduce -b 8X
    refuses "--begin:1:1: error: a buffer of 0 bytes holds nothing" collective "$POD" all-reduce -b 0
    refuses "--end: error: 1K is below --begin 1M" collective "$POD" all-reduce -b 1M -e 1K
    refuses "--factor:1:1: error: 1 is out of range" collective "$POD" all-reduce -f 1
}

@test "collective --explain and --sources" {
    answers collective "$POD" all-reduce -b 1M -e 1M --explain --sources
    says "lower bound"
    says "guesses"
}

@test "schema of collective" { valid collective "$POD" all-reduce -b 8 -e 1G -f 8; }
@test "schema of collective with everything" { valid collective "$POD" all-to-all -b 1M -e 1M --explain --sources; }

@test "collective: an interrupt stops flows that are run one by one, with 130; a terminal hears how many there are" {
    local long=(collective atlas-950-supercluster all-reduce -b 1G -e 1G --engine flow --algo bi-ring --fail links:100@7 --group 0-262143)   # minutes
    run --separate-stderr timeout --foreground --preserve-status -s INT 2 "$SUPERPOD" "${long[@]}"
    [ "$status" -eq 130 ] && [ -z "$output" ] && [[ "$stderr" == *interrupted* ]] || { echo "status $status; $stderr"; return 1; }
    script -qec true /dev/null < /dev/null > /dev/null 2>&1 || skip "no pseudo-terminal here"
    run script -qec "timeout -s KILL 2 '$SUPERPOD' ${long[*]}" /dev/null < /dev/null
    says "274876858368 transfers one by one"
}

@test "collective: an algorithm that faults leave too many classes of is refused at once, with the one that takes them" {
    refuses "their 293760000 classes" collective atlas-950-supercluster all-reduce -b 1G -e 1G --engine flow --algo rotated-inner --fail links:100@7
    [[ "$stderr" == *"; --algo phased takes any number of faults"* ]]
}
