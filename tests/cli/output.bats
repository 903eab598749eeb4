# How answers leave: whole or not at all, in colour or not, and what happens when they cannot.
load helper

@test "a closed pipe is an error, not a crash" {
    run bash -c '"$1" machine list 2>"$2" >&-; echo "$?"' bash "$SUPERPOD" "$BATS_TEST_TMPDIR/err"
    [ "$output" = 3 ]
    grep -q "standard output: error: cannot be written: Bad file descriptor" "$BATS_TEST_TMPDIR/err"
}

@test "a reader that goes away is an error, not a signal" {
    run bash -c '{ "$1" chip show h100 --sources --json; echo "$?" > "$2"; } 2>"$3" | true' bash "$SUPERPOD" "$BATS_TEST_TMPDIR/status" "$BATS_TEST_TMPDIR/err"
    # The reader may still be there when the few kilobytes are written.
    status=$(cat "$BATS_TEST_TMPDIR/status")
    [ "$status" = 0 ] || { [ "$status" = 3 ] && grep -q "Broken pipe" "$BATS_TEST_TMPDIR/err"; }
}

@test "a full disk is an error" {
    [ -e /dev/full ] || skip "no /dev/full here"
    run bash -c '"$1" machine list > /dev/full' bash "$SUPERPOD"
    [ "$status" -eq 3 ]
    [[ "$output" == "standard output: error: cannot be written: No space left on device" ]]
}

@test "no colour off a terminal, nor with NO_COLOR or --no-color on one" {
    script -qec true /dev/null < /dev/null > /dev/null 2>&1 || skip "no pseudo-terminal here"
    answers machine list
    [[ "$output" != *$'\033'* ]]
    on_terminal() { script -qec "$1" /dev/null < /dev/null; }
    run on_terminal "TERM=xterm '$SUPERPOD' machine list"
    [[ "$output" == *$'\033[1m'* ]]
    run on_terminal "TERM=xterm NO_COLOR=1 '$SUPERPOD' machine list"
    [[ "$output" != *$'\033'* ]]
    run on_terminal "TERM=xterm '$SUPERPOD' machine list --no-color"
    [[ "$output" != *$'\033'* ]]
    run on_terminal "TERM=xterm '$SUPERPOD' chip show nothing"
    [[ "$output" == *$'\033[1;31merror:\033[0m'* ]]
}

@test "the same question gives the same bytes" {
    answers machine show atlas-950-superpod --json --explain --sources
    first="$output"
    answers machine show atlas-950-superpod --json --explain --sources
    [ "$first" = "$output" ]
}

@test "arguments that are not UTF-8 do not break the envelope" {
    mkdir "$BATS_TEST_TMPDIR/chips"
    cp -r catalog/families "$BATS_TEST_TMPDIR"
    cp catalog/chips/h100.yaml "$BATS_TEST_TMPDIR/chips/"$'caf\xe9.yaml' 2> /dev/null || skip "the file system takes UTF-8 names only"
    run --separate-stderr "$SUPERPOD" chip show "$BATS_TEST_TMPDIR/chips/"$'caf\xe9.yaml' --json
    [ "$status" -eq 0 ]
    json 'r["args"][2].endswith("/chips/caf?.yaml") and r["inputs"][0]["path"] == r["args"][2]'
}

@test "--catalog, then SUPERPOD_CATALOG" {
    mkdir -p "$BATS_TEST_TMPDIR/one/chips" "$BATS_TEST_TMPDIR/two/chips"
    cp -r catalog/families catalog/machines catalog/models "$BATS_TEST_TMPDIR/one" ; cp -r catalog/families "$BATS_TEST_TMPDIR/two"
    cp catalog/chips/*.yaml "$BATS_TEST_TMPDIR/one/chips"
    cp catalog/chips/b200.yaml "$BATS_TEST_TMPDIR/two/chips"
    export SUPERPOD_CATALOG="$BATS_TEST_TMPDIR/one"
    answers chip show h100 --json
    json '"/one/chips/h100.yaml" in r["inputs"][0]["path"]'
    answers chip list -q --catalog "$BATS_TEST_TMPDIR/two"
    [ "$output" = b200 ]
}
