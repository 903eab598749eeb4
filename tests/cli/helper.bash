# What the files of tests/cli share. SUPERPOD is the binary; everything a test writes goes to $BATS_TEST_TMPDIR.
bats_require_minimum_version 1.5.0

setup() {
    SUPERPOD="${SUPERPOD:-$PWD/build/superpod}"
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    export LC_ALL=C.UTF-8
    unset SUPERPOD_CATALOG NO_COLOR
}

# refuses TEXT ARGS...: exit 2, nothing on standard output, TEXT on standard error.
refuses() {
    local want="$1"
    shift
    run --separate-stderr "$SUPERPOD" "$@"
    if [ "$status" -ne 2 ] || [ -n "$output" ] || [[ "$stderr" != *"$want"* ]]; then
        echo "superpod $*"
        echo "status $status, expected 2"
        echo "output: $output"
        echo "stderr: $stderr"
        echo "wanted: $want"
        return 1
    fi
}

# answers ARGS...: exit 0, nothing on standard error, something on standard output (kept in $output).
answers() {
    run --separate-stderr "$SUPERPOD" "$@"
    if [ "$status" -ne 0 ] || [ -z "$output" ] || [ -n "$stderr" ]; then
        echo "superpod $*"
        echo "status $status"
        echo "stderr: $stderr"
        return 1
    fi
}

# says TEXT: the last output holds TEXT.
says() {
    if [[ "$output" != *"$1"* ]]; then
        echo "wanted: $1"
        echo "output: $output"
        return 1
    fi
}

# json EXPRESSION: the last output, as `r`, makes a Python expression true; `result` is r["result"].
json() {
    printf '%s' "$output" > "$BATS_TEST_TMPDIR/json"
    python3 - "$1" "$BATS_TEST_TMPDIR/json" <<'PYTHON'
import json, math, sys
def close(a, b, off=1e-9):
    return abs(a - b) <= off * max(abs(a), abs(b))
r = json.load(open(sys.argv[2]))
result = r["result"]
if not eval(sys.argv[1], {"r": r, "result": result, "close": close, "math": math}):
    sys.exit("not true: " + sys.argv[1] + "\n" + json.dumps(r)[:2000])
PYTHON
}

# file NAME < TEXT: writes a file of the test's own and prints its path.
file() {
    cat > "$BATS_TEST_TMPDIR/$1"
    echo "$BATS_TEST_TMPDIR/$1"
}

PYTHON=/usr/bin/python3

needs_jsonschema() {
    "$PYTHON" -c 'import jsonschema; jsonschema.Draft202012Validator' 2> /dev/null || skip "python3-jsonschema is not installed for $PYTHON"
}

# valid ARGS...: the answer with --json obeys docs/schema/VERB.json.
valid() {
    needs_jsonschema
    answers "$@" --json
    printf '%s' "$output" > "$BATS_TEST_TMPDIR/1.json"
    obeys "$1" "$BATS_TEST_TMPDIR/1.json"
}

# obeys VERB FILES...: answers in files, all by one Python.
obeys() {
    "$PYTHON" - "docs/schema/$1.json" "${@:2}" <<'SCRIPT'
import json, sys
import jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
check = jsonschema.Draft202012Validator(schema)
for path in sys.argv[2:]:
    check.validate(json.load(open(path)))
SCRIPT
}

# valid_each NOUN OPTIONS...: `NOUN show` of every name in the catalog.
valid_each() {
    needs_jsonschema
    for name in $("$SUPERPOD" "$1" list -q); do
        answers "$1" show "$name" "${@:2}" --json
        printf '%s' "$output" > "$BATS_TEST_TMPDIR/$name.json"
    done
    obeys "$1" "$BATS_TEST_TMPDIR"/*.json
}
