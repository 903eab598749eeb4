# Every kind of JSON answer against its committed JSON Schema (2020-12).
load helper

POD="mesh:8@56GB/s,200ns clos:8@224GB/s,1us chip=ascend-950dt"

@test "schema of machine list" { valid machine list; }
@test "schema of every machine" { valid_each machine; }
@test "schema of machine show with everything" { valid machine show atlas-950-superpod --explain --sources; }
@test "schema of machine show of a machine without FP4" { valid machine show "clos:8@300GB/s,1us chip=a100"; }
@test "schema of machine check" { valid machine check; }
@test "schema of machine check with sources" { valid machine check atlas-950-superpod --sources; }
@test "schema of chip list" { valid chip list; }
@test "schema of every chip" { valid_each chip --explain; }
@test "schema of chip check" { valid chip check --sources; }
@test "schema of model list" { valid model list; }
@test "schema of every model" { valid_each model; }
@test "schema of model show with explanation" { valid model show deepseek-v3 --explain; }
@test "schema of model check" { valid model check deepseek-v3; }

@test "the schemas refuse what they should" {
    needs_jsonschema
    answers machine show "$POD" --json
    printf '%s' "$output" > "$BATS_TEST_TMPDIR/answer"
    "$PYTHON" - "$BATS_TEST_TMPDIR/answer" <<'SCRIPT'
import copy, json, sys
import jsonschema
schema, answer = json.load(open("docs/schema/machine.json")), json.load(open(sys.argv[1]))
check = jsonschema.Draft202012Validator(schema)
check.validate(answer)
for key in ("string", "chips", "tiers", "flop_per_s", "mem_bytes", "injection_bytes_per_s", "bisection_bytes_per_s", "diameter_hops", "power_w"):
    less = copy.deepcopy(answer)
    del less["result"][key]
    assert not check.is_valid(less), key
more = copy.deepcopy(answer)
more["result"]["unknown"] = 1
assert not check.is_valid(more)
SCRIPT
}
