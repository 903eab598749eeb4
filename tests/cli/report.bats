#!/usr/bin/env bats
# Pages and timelines as the command line writes them.
load helper

# command_of PAGE: the words of the command that the page states, one a line.
command_of() {
    python3 - "$1" <<'PYTHON'
import html.parser, shlex, sys
class Page(html.parser.HTMLParser):
    inside, text = False, ""
    def handle_starttag(self, tag, attrs):
        self.inside = self.inside or tag == "pre"
    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "pre"
    def handle_data(self, data):
        self.text += data if self.inside else ""
page = Page()
page.feed(open(sys.argv[1], encoding="utf-8").read())
print("\n".join(shlex.split(page.text)[1:]))
PYTHON
}

# step_of OUTPUT: step time of the JSON of train.
step_of() {
    python3 -c 'import json, sys; print(repr(json.load(sys.stdin)["result"]["step_time_s"]))' <<< "$1"
}

# same_step ARGS...: train ARGS and the command on its page predict the same step.
same_step() {
    answers train "$@" --json --html "$BATS_TEST_TMPDIR/page.html"
    local step words
    step=$(step_of "$output")
    mapfile -t words < <(command_of "$BATS_TEST_TMPDIR/page.html")
    answers "${words[@]}" --json
    [ "$(step_of "$output")" = "$step" ]
}

@test "the command on the page predicts the step of the page" {
    same_step dgx-h100:8 llama2-7b --gbs 128 --seq 4096 --tp 2 --pp 4 --dp 8
    same_step dgx-h100:8 llama2-7b --gbs 128 --seq 2048 --tp 4 --pp 2 --vpp 2 --schedule interleaved --recompute full --zero 0 \
        --set "recompute-layers=3 sp=no overlap-tp=yes" --order tp,pp,cp,dp
}

@test "it does so for a machine that is a string" {
    same_step "mesh:8@56GB/s,200ns clos:4@224GB/s,1us,taper=1 chip=ascend-950dt" llama2-7b --gbs 64 --seq 4096 --tp 2 --pp 2 \
        --place tp=0,pp=1
}

@test "it does so for a family's size, one's own files, and with faults" {
    same_step dgx-h100:4 llama2-7b --gbs 64 --seq 4096 --dp 8 --tp 2
    [ "$(command_of "$BATS_TEST_TMPDIR/page.html" | sed -n 2p)" = dgx-h100:4 ]
    sed 's/^name: dgx-h100$/name: mine/; s/50GB\/s/25GB\/s/' catalog/machines/dgx-h100.yaml > "$BATS_TEST_TMPDIR/my machine.yaml"
    same_step "$BATS_TEST_TMPDIR/my machine.yaml:4" catalog/models/llama2-7b.yaml --gbs 64 --seq 4096 --dp 8 --tp 2
    same_step "mesh:8@56GB/s,200ns chip=ascend-950dt" llama2-7b --gbs 32 --seq 4096 --tp 8 --fail link:1 --slow "link:3=0.5 link:4=0.5" --slow link:5=0.9
}

@test "a timeline names every stage and every slot lies in the step" {
    answers train dgx-h100:8 llama2-7b --gbs 128 --seq 4096 --tp 2 --pp 4 --dp 8 --json --timeline "$BATS_TEST_TMPDIR/t.json"
    step=$(step_of "$output")
    python3 - "$BATS_TEST_TMPDIR/t.json" "$step" <<'PYTHON'
import json, sys
trace, step_us = json.load(open(sys.argv[1])), float(sys.argv[2]) * 1e6
events = trace["traceEvents"]
names = {e["pid"] for e in events if e["name"] == "process_name"}
slots = [e for e in events if e["ph"] == "X"]
assert names == {0, 1, 2, 3}, names
assert max(e["ts"] + e["dur"] for e in slots) <= step_us + 0.001
forward = {(e["pid"], e["args"]["micro_batch"]) for e in slots if e["name"].startswith("forward ")}
assert forward == {(p, m) for p in range(4) for m in range(16)}, len(forward)
PYTHON
}
