# Hostile flows, graphs, groups and faults: refused where they are bad, exit 2 (1 where faults leave no route), nothing on standard output.
load helper

STAR="switch:8@50GB/s,1us chip=h100"
BOARD="mesh:4@56GB/s,200ns chip=ascend-950dt"

list() { # TEXT WANT: a list of flows on the star
    printf "$1" > "$BATS_TEST_TMPDIR/flows.csv"
    refuses "$2" traffic "$STAR" "$BATS_TEST_TMPDIR/flows.csv"
}
graph() { # NAME TEXT WANT: a graph with a flow from a to b
    printf 'id,src,dst,bytes\n1,a,b,1e9\n' > "$BATS_TEST_TMPDIR/flows.csv"
    printf "$2" > "$BATS_TEST_TMPDIR/$1"
    refuses "$3" traffic "$BATS_TEST_TMPDIR/$1" "$BATS_TEST_TMPDIR/flows.csv"
}
xml() { # NODES AND EDGES, WANT
    graph g.graphml "<graphml><key id=\"k\" for=\"edge\" attr.name=\"bandwidth\" attr.type=\"string\"/><graph edgedefault=\"undirected\">$1</graph></graphml>" "$2"
}
broken() { # WANT OPTIONS...: an all-reduce on the board
    local want="$1"
    shift
    refuses "$want" collective "$BOARD" all-reduce -b 1M -e 1M --engine flow "$@"
}
struck() { # WANT OPTIONS...: no route is left: exit 1
    local want="$1"
    shift
    run -1 --separate-stderr "$SUPERPOD" collective "$BOARD" all-reduce -b 1M -e 1M --engine flow "$@"
    [ -z "$output" ] && [[ "$stderr" == *"$want"* ]]
}

@test "lists of flows: empty, cut, of other columns, binary" {
    list '' 'flows.csv:1:1: error: no header'
    list '\n\n' 'flows.csv:1:1: error: no header'
    list 'id;src;dst;bytes\na;0;1;1\n' "flows.csv:1:1: error: there is no column 'id'"
    list 'id,src,dst,bytes\na,0,1\n' 'flows.csv:2:1: error: 3 fields where the header has 4'
    list 'id,src,dst,bytes\na,0,1,1,9\n' 'flows.csv:2:1: error: 5 fields where the header has 4'
    list 'id,src,dst,bytes,bytes\na,0,1,1,2\n' "flows.csv:1:18: error: column 'bytes' stands twice"
    list 'id,src,dst,bytes\n"a,0,1,1\n' 'flows.csv:2:1: error: the quote'
    list 'id,src,dst,bytes\na\377,0,1,1\n' "flows.csv:2:1: error: the id 'a?' has bytes that are no characters"
    list 'id,src,dst,bytes\na\0,0,1,1\n' 'flows.csv:2: error: a NUL byte'
    refuses "Is a directory" traffic "$STAR" "$BATS_TEST_TMPDIR"
}

@test "lists of flows: numbers that are none, negative, huge; a flow to itself; no id" {
    list 'id,src,dst,bytes\na,0,1,nan\n' "flows.csv:2:7: error: found 'nan'"
    list 'id,src,dst,bytes\na,0,1,inf\n' "flows.csv:2:7: error: found 'inf'"
    list 'id,src,dst,bytes\na,0,1,1e300\n' 'flows.csv:2:7: error: 1e+300 is out of range'
    list 'id,src,dst,bytes\na,0,1,1000000000000000000\n' 'which a clock of picoseconds holds'
    list 'id,src,dst,bytes\na,0,1,1GiB\n' "flows.csv:2:7: error: found '1GiB'"
    list 'id,src,dst,bytes\na,-1,1,1\n' 'flows.csv:2:3: error: -1 is out of range'
    list 'id,src,dst,bytes\na,1000000000000000000,1,1\n' 'flows.csv:2:3: error: 1e+18 is out of range'
    list 'id,src,dst,bytes\na,0.5,1,1\n' 'flows.csv:2:3: error: 0.5 is out of range'
    list 'id,src,dst,bytes\na,,1,1\n' 'flows.csv:2:3: error: the cell is empty; expected a chip'
    list 'id,src,dst,bytes\n,0,1,1\n' 'flows.csv:2:1: error: the cell is empty; expected an id'
    list 'id,src,dst,bytes\na,3,3,1\n' 'flows.csv:2:5: error: the flow ends where it begins'
}

@test "lists of flows: circles of after" {
    list 'id,src,dst,bytes,after\na,0,1,1,a\n' 'flows.csv:2:9: error: the flow waits for itself'
    list 'id,src,dst,bytes,after\na,0,1,1,\nb,1,2,1,c\nc,2,3,1,d\nd,1,2,1,c\n' "flows.csv:4:9: error: 2 flows wait for one another in a circle, 'c' among them"
    list 'id,src,dst,bytes,after\na,0,1,1,z\n' "flows.csv:2:9: error: no flow has the id 'z'"
}

@test "lists of flows: a byte-order mark, carriage returns and quotes are read as what they say" {
    printf '\357\273\277id,src,dst,bytes\r\n"a,1",0,1,"50000"\r\n' > "$BATS_TEST_TMPDIR/flows.csv"
    answers traffic "$STAR" "$BATS_TEST_TMPDIR/flows.csv"
    says "a,1"
}

@test "lists of flows: an interrupt ends a long run with 130, nothing written" {
    python3 -c "
import random
random.seed(3)
print('id,src,dst,bytes')
for i in range(300000):
    a = random.randrange(8192)
    print(f'{i},{a},{(a + 1 + random.randrange(8191)) % 8192},{random.randrange(1, 10**9)}')" > "$BATS_TEST_TMPDIR/flows.csv"
    run --separate-stderr timeout --foreground --preserve-status -s INT 2 "$SUPERPOD" traffic atlas-950-superpod "$BATS_TEST_TMPDIR/flows.csv" --heatmap "$BATS_TEST_TMPDIR/heat.svg"
    [ "$status" -eq 130 ] && [ -z "$output" ] && [[ "$stderr" == *interrupted* ]] || { echo "status $status; $stderr"; return 1; }
    [ ! -e "$BATS_TEST_TMPDIR/heat.svg" ]
}

@test "edge lists" {
    graph g.edges '' 'g.edges:1:1: error: there is no edge'
    graph g.edges '# nothing\n' 'g.edges:1:1: error: there is no edge'
    graph g.edges 'a b 5GB/s\na a 5GB/s\n' "g.edges:2:1: error: an edge from 'a' to itself"
    graph g.edges 'a b 0GB/s\n' "g.edges:1:1: error: the edge from 'a' to 'b' has no rate above 0"
    graph g.edges 'a b -5GB/s\n' "g.edges:1:5: error: found '-5GB/s', which is negative"
    graph g.edges 'a b nanGB/s\n' "g.edges:1:5: error: found 'nanGB/s'"
    graph g.edges 'a b 1e30GB/s\n' "g.edges:1:5: error: '1e30GB/s' is too large"
    graph g.edges 'a b 5\n' "g.edges:1:5: error: '5' has no unit"
    graph g.edges 'a b\n' 'g.edges:1:3: error: found 2 words'
    graph g.edges 'a b 5GB/s 1us 7\n' "g.edges:1:15: error: found '7'"
    graph g.edges 'a b 5GB/s -1us\n' "g.edges:1:11: error: found '-1us', which is negative"
    graph g.edges 'a b 5GB/s 1e30s\n' 'which a clock of picoseconds holds'
    graph g.edges 'c b 5GB/s\n\377 b 5GB/s\n' 'g.edges:2:1: error: found the byte 0xff'
    graph g.edges 'a b 5GB/s\0\n' 'g.edges:1:5: error'
    graph g.edges 'c d 5GB/s\n' "flows.csv:2:3: error: the graph has no node 'a'"
    printf 'a c 5GB/s\nb d 5GB/s\n' > "$BATS_TEST_TMPDIR/apart.edges"
    run -1 --separate-stderr "$SUPERPOD" traffic "$BATS_TEST_TMPDIR/apart.edges" "$BATS_TEST_TMPDIR/flows.csv"
    [[ "$stderr" == *"there is no route from node 'a' to node 'b'"* ]]
}

@test "GraphML: cut, other XML, entities" {
    graph g.graphml '' 'g.graphml:1:1: error: not well-formed XML'
    graph g.graphml '<graphml>' 'g.graphml:1:10: error: not well-formed XML'
    graph g.graphml '<graphml><graph edgedefault="undirected"><node id="a"/><edge source="a"' 'g.graphml:1:56: error: not well-formed XML: unclosed token'
    graph g.graphml '<svg/>' 'g.graphml:1:1: error: found <svg>; expected <graphml>'
    graph g.graphml '<!DOCTYPE l [<!ENTITY a "aa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><graphml>&c;</graphml>' "declares the entity 'a'"
    graph g.graphml '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><graphml>&x;</graphml>' "declares the entity 'x'"
    python3 -c "print('<graphml>' + '<a>' * 200000)" > "$BATS_TEST_TMPDIR/deep.graphml"
    refuses "deep.graphml:2:1: error: not well-formed XML" traffic "$BATS_TEST_TMPDIR/deep.graphml" "$BATS_TEST_TMPDIR/flows.csv"
}

@test "GraphML: nodes and edges that do not hold together" {
    local ab='<node id="a"/><node id="b"/>' rate='<data key="k">5GB/s</data>'
    xml '' 'there is no <edge>'
    xml "$ab<node id=\"a\"/>" "the node 'a' is declared twice (first in line 1)"
    xml "<node id=\"a\"/><edge source=\"a\" target=\"b\">$rate</edge>" "an edge ends at 'b', but there is no <node> of that id"
    xml "$ab<edge source=\"a\" target=\"b\"/>" "the edge from 'a' to 'b' has no rate"
    xml "$ab<edge source=\"a\" target=\"b\"><data key=\"k\">nan</data></edge>" "found 'nan'"
    xml "$ab<edge source=\"a\" target=\"a\">$rate</edge>" "an edge from 'a' to itself"
    xml "$ab<edge target=\"b\">$rate</edge>" 'an edge without source or target'
    xml "$ab<edge source=\"a\" target=\"b\" directed=\"perhaps\">$rate</edge>" 'neither true nor false'
    xml '<node/>' 'a node without an id'
    xml "$ab<hyperedge/>" 'hyperedges and ports are not links'
    graph g.graphml '<graphml><graph edgedefault="sideways"/></graphml>' 'g.graphml:1:10: error: edgedefault is neither'
}

@test "groups: larger than the machine, empty, of one, backwards, no numbers" {
    broken "--group:1:3: error: id 9 is too large: ids go from 0 to 3" --group 0-9
    broken "is too large: ids go from 0 to 3" --group 0-18446744073709551616
    broken "--group:1:1: error: the value is empty" --group=
    broken "--group:1:1: error: a group of 1 chip" --group 0
    broken "--group:1:1: error: range 3-0 runs downwards" --group 3-0
    broken "--group:1:1: error: found 'a-b' in an id set" --group a-b
    broken "--group:1:3: error: found ',1' in an id set" --group 0,,1
    broken "--begin:1:1: error: a buffer of 0 bytes" -b 0 -e 0 || broken "--begin is given twice" -b 0
}

@test "sizes beyond the clock, in one problem and in stages" {
    local m="mesh:4@1GB/s,200ns mesh:4@1GB/s,200ns mesh:4@1GB/s,200ns chip=ascend-950dt"
    refuses "which a clock of picoseconds holds" collective "$m" all-to-all -b 1073741823G -e 1073741823G --algo phased --engine flow
    refuses "which a clock of picoseconds holds" collective "$m" all-reduce -b 1073741823G -e 1073741823G --algo ring --engine flow
    refuses "is above 2^60 bytes" collective "$m" all-reduce -b 99999999999G -e 99999999999G --engine flow
}

@test "faults that are none" {
    broken "--fail:1:6: error: no id follows 'link:'" --fail link:
    broken "--fail:1:1: error: found 'link'; expected link:IDS" --fail link
    broken "--fail:1:6: error: id 12 is too large: ids go from 0 to 11" --fail link:12
    broken "--fail:1:13: error: id 9 is too large: ids go from 0 to 3" --fail "link:0 chip:9"
    broken "--fail:1:1: error: nothing is called 'lnk' here" --fail lnk:0
    broken "--fail:1:1: error: this machine has no switch" --fail switch:0
    broken "--fail:1:1: error: nothing is called 'rack' here" --fail rack:0
    broken "--fail:1:1: error: found 'port:0'; expected a chip and its ports, as port:5/0-3" --fail port:0
    broken "--fail:1:6: error: chip 4 is not there" --fail port:4/0
    broken "--fail:1:8: error: id 3 is too large: ids go from 0 to 2" --fail port:0/3
    broken "--fail:1:1: error: 7 links drawn; this machine has too few" --fail links:7@1
    broken "--fail:1:1: error: found 'links:0@1'" --fail links:0@1
    broken "--slow:1:1: error: found 'link:0'; expected what is slow" --slow link:0
    broken "--slow:1:8: error: found '0'; expected the part" --slow link:0=0
    broken "--slow:1:8: error: found 'nan'; expected the part" --slow link:0=nan
    broken "--slow:1:8: error: found '1.1'; expected the part" --slow link:0=1.1
    broken "--routing:1:1: error: unknown value 'foo'" --routing foo
    broken "--seed:1:1: error: found '-1'" --seed -1
}

@test "faults of everything: the pair, or the dead chip, is named" {
    struck "the faults leave no route from chip 0 to chip 1" --fail link:0-11
    struck "the faults leave no route from chip 0 to chip 1" --fail links:6@1
    struck "chip 0 is dead and sends or receives here" --fail chip:0-3
    struck "chip 0 is dead and sends or receives here" --fail mesh0:0
    struck "the faults leave no route" --fail "port:0/0-2"
}

# ---- what faults do, by hand -----------------------------------------------------------------------------------------------

time_of() { # MACHINE OPTIONS...: seconds of the flow
    run --separate-stderr "$SUPERPOD" traffic "$1" "$BATS_TEST_TMPDIR/flows.csv" --json "${@:2}"
    [ "$status" -eq 0 ] && printf '%s' "$output" | python3 -c 'import json,sys; print(json.load(sys.stdin)["result"]["time_s"])'
}
near() { python3 -c "import sys; sys.exit(not abs($1 - ($2)) <= 1e-6 * abs($2))" || { echo "$1 is not $2"; return 1; }; }

@test "mesh: links, ports, chips and boards, dead and slow" {
    local m="mesh:4@56GB/s,200ns mesh:3@56GB/s,200ns chip=ascend-950dt" t
    printf 'id,src,dst,bytes\na,0,1,56000000\n' > "$BATS_TEST_TMPDIR/flows.csv"
    t=$(time_of "$m")
    near "$(time_of "$m" --fail link:0)" "($t - 2e-7) / 2 + 4e-7"          # two detours, half each
    near "$(time_of "$m" --fail port:0/0)" "($t - 2e-7) / 2 + 4e-7"        # the same cable
    near "$(time_of "$m" --fail port:0/0-1)" "($t - 2e-7) + 4e-7"          # one detour is left
    near "$(time_of "$m" --fail "link:0 chip:2")" "($t - 2e-7) + 4e-7"
    near "$(time_of "$m" --slow port:0/0=0.5)" "2 * ($t - 2e-7) + 2e-7"
    near "$(time_of "$m" --slow chip:1=0.25)" "4 * ($t - 2e-7) + 2e-7"
    near "$(time_of "$m" --slow mesh0:0=0.5)" "2 * ($t - 2e-7) + 2e-7"     # a link between two slow chips is slow once
    near "$(time_of "$m" --fail mesh0:1-2)" "$t"                           # other boards
    printf 'id,src,dst,bytes\na,0,4,56000000\n' > "$BATS_TEST_TMPDIR/flows.csv"
    near "$(time_of "$m" --fail port:0/3)" "$t + 2e-7"                     # by the third board
    near "$(time_of "$m" --slow mesh0:1=0.5)" "2 * ($t - 2e-7) + 2e-7"
    run -1 --separate-stderr "$SUPERPOD" traffic "$m" "$BATS_TEST_TMPDIR/flows.csv" --fail mesh0:1
    [[ "$stderr" == *"chip 4 is dead"* ]]
}

@test "torus: the other way round, slow cables, cut off" {
    local m="torus:8@50GB/s,300ns chip=tpu-v5p" t
    printf 'id,src,dst,bytes\na,0,1,50000000\n' > "$BATS_TEST_TMPDIR/flows.csv"
    t=$(time_of "$m")
    near "$(time_of "$m" --fail port:0/0)" "$t + 6 * 3e-7"
    near "$(time_of "$m" --fail link:0)" "$t + 6 * 3e-7"
    near "$(time_of "$m" --slow port:0/0=0.5)" "2 * ($t - 3e-7) + 3e-7"
    near "$(time_of "$m" --slow chip:0=0.5)" "2 * ($t - 3e-7) + 3e-7"
    near "$(time_of "$m" --fail chip:4)" "$t"
    run -1 --separate-stderr "$SUPERPOD" traffic "$m" "$BATS_TEST_TMPDIR/flows.csv" --fail port:0/0-1
    [[ "$stderr" == *"no route from chip 0 to chip 1"* ]]
    run -1 --separate-stderr "$SUPERPOD" traffic "$m" "$BATS_TEST_TMPDIR/flows.csv" --fail "link:0 chip:4"
    [[ "$stderr" == *"no route from chip 0 to chip 1"* ]]
}

@test "switches: planes, spines and leaves, dead and slow" {
    local m="switch:8@50GB/s,1us,planes=4 chip=h100" t
    printf 'id,src,dst,bytes\na,0,1,50000000\n' > "$BATS_TEST_TMPDIR/flows.csv"
    t=$(time_of "$m")
    for routing in spray hash d-mod-k; do
        near "$(time_of "$m" --routing $routing --fail switch:0)" "($t - 1e-6) * 4 / 3 + 1e-6"
        near "$(time_of "$m" --routing $routing --fail port:0/2)" "($t - 1e-6) * 4 / 3 + 1e-6"
    done
    near "$(time_of "$m" --slow switch:0=0.5)" "($t - 1e-6) * 8 / 7 + 1e-6"
    near "$(time_of "$m" --slow switch:0=0.5 --routing hash)" "2 * ($t - 1e-6) + 1e-6"   # striped evenly: the slow plane ends last
    run -1 --separate-stderr "$SUPERPOD" traffic "$m" "$BATS_TEST_TMPDIR/flows.csv" --fail switch:0-3
    [[ "$stderr" == *"no route from chip 0 to chip 1"* ]]
    # 4 leaves of 4 chips (switches 0-3), 4 spines (4-7): all 4 chips of a leaf send to the next
    m="clos:16@50GB/s,1us,levels=4x4 chip=h100"
    printf 'id,src,dst,bytes\n0,0,4,5e7\n1,1,5,5e7\n2,2,6,5e7\n3,3,7,5e7\n' > "$BATS_TEST_TMPDIR/flows.csv"
    t=$(time_of "$m")
    near "$(time_of "$m" --fail switch:4)" "($t - 1e-6) * 4 / 3 + 1e-6"
    near "$(time_of "$m" --slow switch:4-7=0.5)" "($t - 1e-6) * 2 + 1e-6"
    near "$(time_of "$m" --fail switch:3)" "$t"
    run -1 --separate-stderr "$SUPERPOD" traffic "$m" "$BATS_TEST_TMPDIR/flows.csv" --fail switch:0
    [[ "$stderr" == *"no route from chip 0 to chip 4"* ]]
}
