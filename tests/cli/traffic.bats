# superpod traffic and the flow engine of superpod collective.
load helper

STAR="switch:8@50GB/s,1us chip=h100"

flows() { printf '%s\n' "$@" > "$BATS_TEST_TMPDIR/flows.csv"; }

@test "traffic: two flows into one port share it, a third waits" {
    flows id,src,dst,bytes,after a,0,2,1e6, b,1,2,1e6, c,2,3,1e6,a
    answers traffic "$STAR" "$BATS_TEST_TMPDIR/flows.csv" --json
    json 'r["schema"] == "superpod/traffic/1" and [f["id"] for f in result["flows"]] == ["a", "b", "c"]'
    json 'close(result["flows"][0]["end_s"], result["flows"][1]["end_s"]) and close(result["flows"][2]["start_s"], result["flows"][0]["end_s"])'
    json 'close((result["flows"][0]["end_s"] - 1e-6) / (result["time_s"] - result["flows"][0]["end_s"] - 1e-6), 2, 1e-6)'
    json 'result["lower_bound_s"] <= result["time_s"] and result["bottleneck_fraction"] <= 1 and result["lifted"] is False'
}

@test "traffic: a chip computes one thing at a time, beside what it sends" {
    flows id,src,dst,bytes,after,compute_s a,0,,,,1e-3 b,0,1,50e6,a, c,0,0,0,,2e-3 d,1,,,b,5e-4
    answers traffic "$STAR" "$BATS_TEST_TMPDIR/flows.csv" --json
    json 'close(result["flows"][2]["start_s"], 1e-3) and close(result["time_s"], 3e-3) and result["bottleneck"] == "computing of chip 0"'
    json 'close(result["flows"][1]["start_s"], 1e-3) and close(result["flows"][3]["start_s"], result["flows"][1]["end_s"])'
    flows id,src,dst,bytes,compute_s a,0,1,5,1e-3
    refuses "flows.csv:2:9: error: the row computes and sends, too" traffic "$STAR" "$BATS_TEST_TMPDIR/flows.csv"
    flows id,src,dst,bytes,compute_s a,0,,,
    refuses "flows.csv:2:5: error: the cell is empty; expected a chip" traffic "$STAR" "$BATS_TEST_TMPDIR/flows.csv"
}

@test "traffic: routes are checked for deadlock; a detour takes the second lane" {
    flows id,src,dst,bytes a,0,1,56000000 b,1,2,56000000
    local board="mesh:4@56GB/s,200ns chip=ascend-950dt"
    answers traffic "$board" "$BATS_TEST_TMPDIR/flows.csv" --json
    json 'result["deadlock"] == {"free": True, "lanes": 1}'
    answers traffic "$board" "$BATS_TEST_TMPDIR/flows.csv" --routing detour --json
    json 'result["deadlock"] == {"free": True, "lanes": 2}'
}

@test "traffic and collective: idle links of a mesh are borrowed, and no others" {
    local board="mesh:8@56GB/s,200ns chip=ascend-950dt"
    flows id,src,dst,bytes a,0,1,56000000
    answers traffic "$board" "$BATS_TEST_TMPDIR/flows.csv" --json
    whole=$(printf '%s' "$output" | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"]["time_s"])')
    answers traffic "$board" "$BATS_TEST_TMPDIR/flows.csv" --routing borrow --json   # the direct link and six detours
    json "close((result['time_s'] - 4e-7) * 7, $whole - 2e-7, 1e-6) and result['deadlock'] == {'free': True, 'lanes': 2}"
    answers collective "$board" all-to-all -b 64M -e 64M --engine flow --algo direct --json
    whole=$(printf '%s' "$output" | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"]["results"][0]["time_s"])')
    answers collective "$board" all-to-all -b 64M -e 64M --engine flow --algo direct --routing borrow --json
    json "close(result['results'][0]['time_s'], $whole) and 'depends on all flows' in result['results'][0]['why_explicit']"
    flows id,src,dst,bytes 1,a,c,1e9
    refuses "detours are for meshes" traffic examples/ring.graphml "$BATS_TEST_TMPDIR/flows.csv" --routing borrow
}

@test "traffic: any graph from a file" {
    flows id,src,dst,bytes 1,a,c,1e9 2,b,d,1e9
    answers traffic examples/ring.graphml "$BATS_TEST_TMPDIR/flows.csv" --json
    json 'result["machine"] == "examples/ring.graphml" and result["deadlock"] is None and close(result["time_s"], 0.020002) and result["bottleneck"] == "a>c"'
    answers traffic examples/ring.graphml "$BATS_TEST_TMPDIR/flows.csv" --fail link:8 --json
    json 'close(result["flows"][0]["end_s"], 0.020001, 1e-6)'   # the chord is gone; both ways round share
    run -1 --separate-stderr "$SUPERPOD" traffic examples/ring.graphml "$BATS_TEST_TMPDIR/flows.csv" --fail node:2
    [[ "$stderr" == *"there is no route from node 'a' to node 'c'"* ]]
    refuses "detours are for meshes" traffic examples/ring.graphml "$BATS_TEST_TMPDIR/flows.csv" --routing detour
    refuses "heat maps are for machines" traffic examples/ring.graphml "$BATS_TEST_TMPDIR/flows.csv" --heatmap "$BATS_TEST_TMPDIR/x.svg"
    flows id,src,dst,bytes 1,a,z,1e9
    refuses "flows.csv:2:5: error: the graph has no node 'z'" traffic examples/ring.graphml "$BATS_TEST_TMPDIR/flows.csv"
    printf 'a b 5GB/s\na c fast\n' > "$BATS_TEST_TMPDIR/bad.edges"
    refuses "bad.edges:2:5: error" traffic "$BATS_TEST_TMPDIR/bad.edges" "$BATS_TEST_TMPDIR/flows.csv"
    refuses "cannot open the file" traffic "$BATS_TEST_TMPDIR/none.edges" "$BATS_TEST_TMPDIR/flows.csv"
}

@test "traffic: for people, with explanation and sources" {
    answers traffic cloudmatrix-384 examples/flows.csv --explain --sources
    says "bottleneck"
    says "lower bound"
}

@test "traffic: bad lists are refused where they are bad" {
    flows id,src,dst,bytes a,0,9,1
    refuses "flows.csv:2:5: error: 9 is out of range" traffic "$STAR" "$BATS_TEST_TMPDIR/flows.csv"
    flows id,src,dst,bytes a,0,1,-4
    refuses "flows.csv:2:7: error: -4 is out of range" traffic "$STAR" "$BATS_TEST_TMPDIR/flows.csv"
    flows id,src,dst,bytes a,0,1,
    refuses "flows.csv:2:7: error: the cell is empty; expected how many bytes" traffic "$STAR" "$BATS_TEST_TMPDIR/flows.csv"
    flows id,src,dst a,0,1
    refuses "there is no column 'bytes'" traffic "$STAR" "$BATS_TEST_TMPDIR/flows.csv"
    flows id,src,dst,bytes,color a,0,1,1,red
    refuses "unknown column 'color'" traffic "$STAR" "$BATS_TEST_TMPDIR/flows.csv"
    flows id,src,dst,bytes a,0,1,1 a,1,2,1
    refuses "flows.csv:3:1: error: the id 'a' is that of line 2, too" traffic "$STAR" "$BATS_TEST_TMPDIR/flows.csv"
    flows id,src,dst,bytes,after a,0,1,1,z
    refuses "no flow has the id 'z'" traffic "$STAR" "$BATS_TEST_TMPDIR/flows.csv"
    flows id,src,dst,bytes,after a,0,1,1,b b,0,1,1,a
    refuses "in a circle" traffic "$STAR" "$BATS_TEST_TMPDIR/flows.csv"
    flows id,src,dst,bytes
    refuses "there is no flow" traffic "$STAR" "$BATS_TEST_TMPDIR/flows.csv"
    refuses "cannot open" traffic "$STAR" "$BATS_TEST_TMPDIR/nothing.csv"
}

@test "traffic: a dead link is gone round, a slow one is slower, a dead chip is out of reach" {
    flows id,src,dst,bytes a,0,1,56000000
    local board="mesh:4@56GB/s,200ns chip=ascend-950dt"
    answers traffic "$board" "$BATS_TEST_TMPDIR/flows.csv" --json
    whole=$(printf '%s' "$output" | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"]["time_s"])')
    answers traffic "$board" "$BATS_TEST_TMPDIR/flows.csv" --fail link:0 --json
    json "close((result['time_s'] - 4e-7) * 2, $whole - 2e-7, 1e-6)"   # two detours carry half each
    answers traffic "$board" "$BATS_TEST_TMPDIR/flows.csv" --slow link:0=0.5 --json
    json "close(result['time_s'] - 2e-7, 2 * ($whole - 2e-7), 1e-6)"
    run -1 --separate-stderr "$SUPERPOD" traffic "$board" "$BATS_TEST_TMPDIR/flows.csv" --fail "link:0 chip:2-3"
    [[ "$stderr" == *"the faults leave no route from chip 0 to chip 1"* ]]
    refuses "--fail:1:1: error: nothing is called 'lnk'" traffic "$board" "$BATS_TEST_TMPDIR/flows.csv" --fail lnk:0
    refuses "--fail:1:" traffic "$board" "$BATS_TEST_TMPDIR/flows.csv" --fail link:12
    refuses "--slow:1:8: error: found '2'" traffic "$board" "$BATS_TEST_TMPDIR/flows.csv" --slow link:0=2
}

@test "collective --engine flow: a supercluster, lifted; the bound holds" {
    for op in all-reduce all-gather reduce-scatter; do
        answers collective atlas-950-supercluster "$op" -b 1G -e 1G --engine flow --json
        json 'all(x["lifted"] and x["classes"] < 1e5 and x["lower_bound_s"] <= x["time_s"] and x["flow_bound_s"] <= x["time_s"] for x in result["results"])'
    done
}

@test "collective --engine flow: steps that repeat are passed over, where flows share and where they do not" {
    for machine in "switch:64@50GB/s,1us chip=h100" "switch:8@50GB/s,1us clos:8@50GB/s,2us,nic,taper=4 chip=h100"; do
        answers collective "$machine" all-reduce -b 64M -e 64M --engine flow --algo ring --json
        json 'all(0 < x["skipped"] < x["classes"] for x in result["results"])'
    done
}

@test "collective --engine flow: a dead link makes it slower; on a mesh it stays lifted, on a ring it says that it ran explicitly" {
    answers collective ub-mesh-rack all-reduce -b 64M -e 64M --engine flow --algo hierarchical --json
    whole=$(printf '%s' "$output" | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"]["results"][0]["time_s"])')
    answers collective ub-mesh-rack all-reduce -b 64M -e 64M --engine flow --algo hierarchical --fail link:5 --json
    json "result['results'][0]['time_s'] > $whole and result['results'][0]['lifted'] and result['results'][0]['classes'] == 46"
    answers collective "torus:8@50GB/s,300ns chip=tpu-v5p" all-reduce -b 64M -e 64M --engine flow --fail link:5 --json
    json "not result['results'][0]['lifted'] and 'faults' in result['results'][0]['why_explicit']"
    refuses "add --engine flow" collective ub-mesh-rack all-reduce --fail link:5
}

@test "collective --engine flow: a hundred links drawn dead over a supercluster" {
    for op in all-reduce all-gather reduce-scatter; do
        answers collective atlas-950-supercluster "$op" -b 1G -e 1G --engine flow --json
        whole=$(printf '%s' "$output" | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"]["results"][0]["time_s"])')
        answers collective atlas-950-supercluster "$op" -b 1G -e 1G --engine flow --fail links:100@7 --json
        json "all(x['lifted'] and x['classes'] < 1e4 and x['time_s'] > $whole and x['algorithm'] == 'phased' and x['passed_over'] == 'rotated-inner' for x in result['results'])"
    done
    answers collective atlas-950-supercluster all-reduce -b 1G -e 1G --engine flow --fail links:100@7
    says "rotated-inner would be faster on a healthy machine"
    refuses "--fail:1:1: error: found 'links:x'" collective atlas-950-supercluster all-reduce --engine flow --fail links:x
}

@test "collective --engine flow: groups that share links slow one another down, those apart do not" {
    local m="switch:8@50GB/s,1us clos:4@50GB/s,4us,taper=2,nic chip=h100"
    answers collective "$m" all-to-all -b 64M -e 64M --engine flow --stack ideal --algo direct --group 0,8 --json
    alone=$(printf '%s' "$output" | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"]["results"][0]["time_s"])')
    answers collective "$m" all-to-all -b 64M -e 64M --engine flow --stack ideal --algo direct --group 0,8 --group 16,24 --json
    json "close(result['results'][0]['time_s'], $alone, 1e-9) and len(result['results'][0]['groups']) == 2"
    answers collective "$m" all-to-all -b 64M -e 64M --engine flow --stack ideal --algo direct --group 0,8 --group 0,16 --group 1,2 --json
    json "result['results'][0]['groups'][0]['time_s'] > 1.9 * $alone and result['results'][0]['groups'][2]['time_s'] < $alone"
    answers collective "$m" all-to-all -b 64M -e 64M --engine flow --group 0-7 --group 8-15 --group 16-17
    says "0-7 and 1 more"
    refuses "add --engine flow" collective "$m" all-to-all --group 0-7 --group 8-15
    refuses "--group:1:3: error: id 99 is too large" collective "$m" all-to-all --engine flow --group 0-7 --group 8-99
}

@test "--heatmap: a drawing of collective and traffic; a folder that is not there is refused" {
    answers collective ub-mesh-rack all-reduce -b 1M -e 1M --engine flow --fail link:5 --heatmap "$BATS_TEST_TMPDIR/h.svg"
    python3 -c 'import sys, xml.dom.minidom as x; d = x.parse(sys.argv[1]); assert len(d.getElementsByTagName("rect")) > 128' "$BATS_TEST_TMPDIR/h.svg"
    answers traffic cloudmatrix-384 examples/flows.csv --heatmap "$BATS_TEST_TMPDIR/t.svg"
    grep -q "links of level 0, up" "$BATS_TEST_TMPDIR/t.svg"
    refuses "its folder does not exist" traffic cloudmatrix-384 examples/flows.csv --heatmap "$BATS_TEST_TMPDIR/no/t.svg"
    refuses "add --engine flow" collective ub-mesh-rack all-reduce --heatmap "$BATS_TEST_TMPDIR/h.svg"
}

@test "schema of traffic" { valid traffic cloudmatrix-384 examples/flows.csv --explain --sources; }
@test "schema of collective by flows" { valid collective ub-mesh-rack all-reduce -b 1M -e 4M --engine flow; }
