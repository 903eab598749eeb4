# Man pages, completion and --help come from one option table; what is committed equals what the table says now.
load helper

verbs() { "$SUPERPOD" --help | sed -n '/^usage/,/^options/s/^  \([a-z-]*\) .*/\1/p'; }

same_as_table() { # committed file, docs arguments
    local committed="$1"
    shift
    "$SUPERPOD" docs "$@" | diff -u "$committed" - || {
        echo "run tools/make-docs after a change of the option table"
        return 1
    }
}

@test "man pages are what the option table makes" {
    pages=0
    for page in docs/man/*.1; do
        name="${page##*/}"
        same_as_table "$page" man "${name%.1}"
        pages=$((pages + 1))
    done
    # One page a verb that --help lists, and superpod(1).
    [ "$pages" -eq $(($(verbs | wc -w) + 1)) ]
    for verb in $(verbs); do [ -e "docs/man/superpod-$verb.1" ]; done
}

@test "man pages are clean roff" {
    command -v mandoc > /dev/null || skip "mandoc is not installed"
    for page in docs/man/*.1; do
        run mandoc -T lint -W warning "$page"
        echo "$output"
        [ -z "$(echo "$output" | grep -v 'missing date\|referenced manual not found')" ]
    done
}

@test "bash completion is what the option table makes" { same_as_table completion/superpod.bash completion-bash; }
@test "zsh completion is what the option table makes" { same_as_table completion/_superpod completion-zsh; }
@test "fish completion is what the option table makes" { same_as_table completion/superpod.fish completion-fish; }

# Completes the words given (the last one is being typed) with the committed bash script.
complete_words() {
    bash -c '
        PATH="$1:$PATH"; source "$2"; shift 2
        COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _superpod
        printf "%s\n" "${COMPREPLY[@]}"' bash "$(dirname "$SUPERPOD")" completion/superpod.bash "$@"
}

@test "bash completion: verbs, actions, options, names, choices" {
    [ "$(complete_words superpod mach)" = machine ]
    [ "$(complete_words superpod machine sh)" = show ]
    [ "$(complete_words superpod plan --obj)" = --objective ]
    [ "$(complete_words superpod plan --objective en)" = energy ]
    complete_words superpod chip show ascend-950 | grep -qx ascend-950dt
    [ "$(complete_words superpod plan --top 3 x deepseek-v3.2)" = deepseek-v3.2 ]
    [ -z "$(complete_words superpod machine show --top)" ]
}

@test "completion scripts parse in their shells" {
    bash -n completion/superpod.bash
    if command -v zsh > /dev/null; then zsh -n completion/_superpod; fi
    if command -v fish > /dev/null; then fish -n completion/superpod.fish; fi
}

@test "--help of every verb is less than a screen" {
    for verb in "" $(verbs); do
        # shellcheck disable=SC2086
        answers $verb --help
        [ "${#lines[@]}" -le "$([ -z "$verb" ] && echo 30 || echo 24)" ]   # the first lists every verb
        for line in "${lines[@]}"; do [ "${#line}" -le 100 ]; done
    done
}

@test "--help of a verb names every option that the verb takes" {
    for verb in $(verbs); do
        answers "$verb" --help
        help="$output"
        for option in $(sed -n 's/^\.B \(.*\)$/\1/p' "docs/man/superpod-$verb.1" | grep -o '\\-\\-[a-z\\-]*' | tr -d '\\'); do
            [[ "$help" == *"$option"* ]] || { echo "$verb: $option"; return 1; }
        done
    done
}

@test "--version" {
    answers --version
    [[ "$output" =~ ^superpod\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
}

# The examples of --help that need no file of the reader's own and are answered in a moment.
@test "examples of --help answer" {
    n=0
    while read -r example; do
        [[ "$example" =~ (log.swf|layouts.csv|jobs.txt|flows.csv.--routing.weighted|config.json|--write|--report|--golden|--html|operate|compare|calibrate|supercluster.all-reduce) ]] && continue
        eval "words=($example)"
        answers "${words[@]:1}"
        n=$((n + 1))
    done < <(for verb in $(verbs); do "$SUPERPOD" "$verb" --help | sed -n 's/^\(example:\|        \) \(superpod .*\)/\2/p'; done)
    [ "$n" -ge 14 ]
}
