# bash completion of superpod; made by `superpod docs completion-bash`
_superpod() {
    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" verb="" place=0 i
    COMPREPLY=()
    case "$before" in
    --gbs) COMPREPLY=(); return ;;
    --seq) COMPREPLY=(); return ;;
    --tp) COMPREPLY=(); return ;;
    --cp) COMPREPLY=(); return ;;
    --ep) COMPREPLY=(); return ;;
    --etp) COMPREPLY=(); return ;;
    --pp) COMPREPLY=(); return ;;
    --vpp) COMPREPLY=(); return ;;
    --dp) COMPREPLY=(); return ;;
    --mbs) COMPREPLY=(); return ;;
    --zero) COMPREPLY=(); return ;;
    --precision) COMPREPLY=($(compgen -W "fp32 tf32 bf16 fp16 fp8 int8 mxfp8 hif8 fp6 mxfp4 nvfp4 hif4" -- "$word")); return ;;
    --recompute) COMPREPLY=($(compgen -W "none selective alternate full" -- "$word")); return ;;
    --schedule) COMPREPLY=($(compgen -W "1f1b interleaved gpipe zb-h1 zb-h2 dualpipe zb-v dualpipev" -- "$word")); return ;;
    --place) COMPREPLY=(); return ;;
    --order) COMPREPLY=(); return ;;
    --set) COMPREPLY=(); return ;;
    --plan) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --tokens) COMPREPLY=(); return ;;
    --equal) COMPREPLY=($(compgen -W "none chips power price racks" -- "$word")); return ;;
    --as-of) COMPREPLY=(); return ;;
    --prices) COMPREPLY=($(compgen -d -- "$word")); return ;;
    --objective) COMPREPLY=($(compgen -W "throughput cost energy chips" -- "$word")); return ;;
    --deadline) COMPREPLY=(); return ;;
    --effort) COMPREPLY=($(compgen -W "quick normal exhaustive" -- "$word")); return ;;
    --threads) COMPREPLY=(); return ;;
    --top) COMPREPLY=(); return ;;
    --chips) COMPREPLY=(); return ;;
    --begin | -b) COMPREPLY=(); return ;;
    --end | -e) COMPREPLY=(); return ;;
    --factor | -f) COMPREPLY=(); return ;;
    --group) COMPREPLY=(); return ;;
    --algo) COMPREPLY=($(compgen -W "direct hierarchical rotated rotated-inner ring bi-ring multi-ring hierarchical-ring rotated-ring rotated-inner-ring halving-doubling bruck tree tree-pipelined hierarchical-tree direct-tree ring-tree phased phased-ring" -- "$word")); return ;;
    --stack) COMPREPLY=(); return ;;
    --engine) COMPREPLY=($(compgen -W "analytic flow" -- "$word")); return ;;
    --routing) COMPREPLY=($(compgen -W "spray hash d-mod-k detour weighted borrow" -- "$word")); return ;;
    --fail) COMPREPLY=(); return ;;
    --slow) COMPREPLY=(); return ;;
    --seed) COMPREPLY=(); return ;;
    --heatmap) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --assume) COMPREPLY=($(compgen -W "llama mistral mixtral qwen2 qwen2_moe qwen3 qwen3_moe qwen3_5_text qwen3_next deepseek_v2 deepseek_v3 glm4_moe_lite deepseek_v4 pangu_ultra_moe kimi_linear glm4_moe dots1 minimax_m2 ernie4_5_moe gpt_oss gemma gemma2 gemma3_text gemma4_text llama4_text olmo2 starcoder2 gpt2 gpt_neox opt bloom mpt" -- "$word")); return ;;
    --timeline) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --save) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --html) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --report) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --golden) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --jobs) COMPREPLY=(); return ;;
    --map) COMPREPLY=(); return ;;
    --years) COMPREPLY=(); return ;;
    --seeds) COMPREPLY=(); return ;;
    --failures) COMPREPLY=(); return ;;
    --policy) COMPREPLY=($(compgen -W "best sub-array aligned pod pods hosts scatter segments box cubes mindcluster mindcluster-domain" -- "$word")); return ;;
    --queue) COMPREPLY=($(compgen -W "fifo easy conservative priority fair-share deadline" -- "$word")); return ;;
    --segment) COMPREPLY=(); return ;;
    --blocks) COMPREPLY=(); return ;;
    --used) COMPREPLY=(); return ;;
    --running) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --network) COMPREPLY=($(compgen -f -W "$(superpod model list -q 2>/dev/null)" -- "$word")); return ;;
    --checkpoint) COMPREPLY=(); return ;;
    --state) COMPREPLY=(); return ;;
    --interval) COMPREPLY=(); return ;;
    --detect) COMPREPLY=(); return ;;
    --decide) COMPREPLY=(); return ;;
    --restart) COMPREPLY=(); return ;;
    --swap) COMPREPLY=(); return ;;
    --repair) COMPREPLY=(); return ;;
    --power-cap) COMPREPLY=(); return ;;
    --reserve) COMPREPLY=(); return ;;
    --defrag) COMPREPLY=(); return ;;
    --log) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --svg) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --metrics) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --only) COMPREPLY=($(compgen -W "kernels collectives training layouts" -- "$word")); return ;;
    --leave-out) COMPREPLY=($(compgen -W "group source class" -- "$word")); return ;;
    --write) COMPREPLY=($(compgen -d -- "$word")); return ;;
    --catalog) COMPREPLY=($(compgen -d -- "$word")); return ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "${COMP_WORDS[i]}" in
        --gbs | --seq | --tp | --cp | --ep | --etp | --pp | --vpp | --dp | --mbs | --zero | --precision | --recompute | --schedule | --place | --order | --set | --plan | --tokens | --equal | --as-of | --prices | --objective | --deadline | --effort | --threads | --top | --chips | --begin | -b | --end | -e | --factor | -f | --group | --algo | --stack | --engine | --routing | --fail | --slow | --seed | --heatmap | --assume | --timeline | --save | --html | --report | --golden | --jobs | --map | --years | --seeds | --failures | --policy | --queue | --segment | --blocks | --used | --running | --network | --checkpoint | --state | --interval | --detect | --decide | --restart | --swap | --repair | --power-cap | --reserve | --defrag | --log | --svg | --metrics | --only | --leave-out | --write | --catalog) i=$((i + 1)) ;;
        -*) ;;
        *) if [ -z "$verb" ]; then verb="${COMP_WORDS[i]}"; else place=$((place + 1)); fi ;;
        esac
    done
    if [[ $word == -* ]]; then
        case "$verb" in
        machine) COMPREPLY=($(compgen -W "--sources --explain --json --catalog --quiet -q --no-color --help -h --version" -- "$word")) ;;
        chip) COMPREPLY=($(compgen -W "--sources --explain --json --catalog --quiet -q --no-color --help -h --version" -- "$word")) ;;
        model) COMPREPLY=($(compgen -W "--seq --assume --sources --explain --json --catalog --quiet -q --no-color --help -h --version" -- "$word")) ;;
        collective) COMPREPLY=($(compgen -W "--begin -b --end -e --factor -f --group --algo --stack --engine --routing --fail --slow --seed --heatmap --sources --explain --json --catalog --quiet -q --no-color --help -h --version" -- "$word")) ;;
        traffic) COMPREPLY=($(compgen -W "--routing --fail --slow --seed --heatmap --sources --explain --json --catalog --quiet -q --no-color --help -h --version" -- "$word")) ;;
        train) COMPREPLY=($(compgen -W "--gbs --seq --tp --cp --ep --etp --pp --vpp --dp --mbs --zero --precision --recompute --schedule --place --order --set --plan --prices --stack --fail --slow --assume --timeline --html --sources --explain --json --catalog --quiet -q --no-color --help -h --version" -- "$word")) ;;
        plan) COMPREPLY=($(compgen -W "--gbs --seq --tp --cp --ep --etp --pp --vpp --dp --mbs --zero --precision --recompute --schedule --place --order --set --tokens --best-precision --prices --objective --deadline --effort --threads --top --chips --stack --assume --save --html --sources --explain --json --catalog --quiet -q --no-color --help -h --version" -- "$word")) ;;
        compare) COMPREPLY=($(compgen -W "--gbs --seq --tokens --equal --weak --best-precision --as-of --prices --ablate --sensitivity --curves --goodput --effort --threads --assume --html --failures --sources --json --catalog --quiet -q --no-color --help -h --version" -- "$word")) ;;
        operate) COMPREPLY=($(compgen -W "--threads --seed --jobs --map --years --seeds --failures --policy --queue --segment --checkpoint --state --interval --detect --decide --restart --swap --repair --power-cap --reserve --defrag --preempt --replan --background --no-spares --no-reroute --log --svg --metrics --explain --json --catalog --quiet -q --no-color --help -h --version" -- "$word")) ;;
        place) COMPREPLY=($(compgen -W "--set --plan --policy --segment --used --running --network --recovery --explain --json --catalog --quiet -q --no-color --help -h --version" -- "$word")) ;;
        check-placement) COMPREPLY=($(compgen -W "--set --plan --network --explain --json --catalog --quiet -q --no-color --help -h --version" -- "$word")) ;;
        spares) COMPREPLY=($(compgen -W "--failures --repair --explain --json --catalog --quiet -q --no-color --help -h --version" -- "$word")) ;;
        defrag) COMPREPLY=($(compgen -W "--segment --blocks --plan --restart --explain --json --catalog --quiet -q --no-color --help -h --version" -- "$word")) ;;
        validate) COMPREPLY=($(compgen -W "--report --golden --rows --json --catalog --quiet -q --no-color --help -h --version" -- "$word")) ;;
        calibrate) COMPREPLY=($(compgen -W "--only --leave-out --check --write --json --catalog --quiet -q --no-color --help -h --version" -- "$word")) ;;
        *) COMPREPLY=($(compgen -W "--help --version" -- "$word")) ;;
        esac
        return
    fi
    case "$verb" in
    "") COMPREPLY=($(compgen -W "machine chip model collective traffic train plan compare operate place check-placement spares defrag validate calibrate" -- "$word")) ;;
    machine)
        case $place in
        0) COMPREPLY=($(compgen -W "list show check" -- "$word")) ;;
        1) COMPREPLY=($(compgen -f -W "$(superpod machine list -q 2>/dev/null)" -- "$word")) ;;
        esac ;;
    chip)
        case $place in
        0) COMPREPLY=($(compgen -W "list show check" -- "$word")) ;;
        1) COMPREPLY=($(compgen -f -W "$(superpod chip list -q 2>/dev/null)" -- "$word")) ;;
        esac ;;
    model)
        case $place in
        0) COMPREPLY=($(compgen -W "list show check" -- "$word")) ;;
        1) COMPREPLY=($(compgen -f -W "$(superpod model list -q 2>/dev/null)" -- "$word")) ;;
        esac ;;
    collective)
        case $place in
        0) COMPREPLY=($(compgen -f -W "$(superpod machine list -q 2>/dev/null)" -- "$word")) ;;
        1) COMPREPLY=($(compgen -W "all-reduce all-gather reduce-scatter all-to-all broadcast send-recv" -- "$word")) ;;
        esac ;;
    traffic)
        case $place in
        0) COMPREPLY=($(compgen -f -W "$(superpod machine list -q 2>/dev/null)" -- "$word")) ;;
        *) COMPREPLY=($(compgen -f -- "$word")) ;;
        esac ;;
    train)
        case $place in
        0) COMPREPLY=($(compgen -f -W "$(superpod machine list -q 2>/dev/null)" -- "$word")) ;;
        1) COMPREPLY=($(compgen -f -W "$(superpod model list -q 2>/dev/null)" -- "$word")) ;;
        esac ;;
    plan)
        case $place in
        0) COMPREPLY=($(compgen -f -W "$(superpod machine list -q 2>/dev/null)" -- "$word")) ;;
        1) COMPREPLY=($(compgen -f -W "$(superpod model list -q 2>/dev/null)" -- "$word")) ;;
        esac ;;
    compare)
        case $place in
        0) COMPREPLY=($(compgen -f -W "$(superpod model list -q 2>/dev/null)" -- "$word")) ;;
        *) COMPREPLY=($(compgen -f -W "$(superpod machine list -q 2>/dev/null)" -- "$word")) ;;
        esac ;;
    operate)
        case $place in
        0) COMPREPLY=($(compgen -f -W "$(superpod machine list -q 2>/dev/null)" -- "$word")) ;;
        esac ;;
    place)
        case $place in
        0) COMPREPLY=($(compgen -f -W "$(superpod machine list -q 2>/dev/null)" -- "$word")) ;;
        1) COMPREPLY=() ;;
        esac ;;
    check-placement)
        case $place in
        0) COMPREPLY=($(compgen -f -W "$(superpod machine list -q 2>/dev/null)" -- "$word")) ;;
        1) COMPREPLY=() ;;
        2) COMPREPLY=() ;;
        esac ;;
    spares)
        case $place in
        0) COMPREPLY=($(compgen -f -W "$(superpod machine list -q 2>/dev/null)" -- "$word")) ;;
        esac ;;
    defrag)
        case $place in
        0) COMPREPLY=($(compgen -f -W "$(superpod machine list -q 2>/dev/null)" -- "$word")) ;;
        1) COMPREPLY=($(compgen -f -- "$word")) ;;
        esac ;;
    validate)
        case $place in
        *) COMPREPLY=($(compgen -f -- "$word")) ;;
        esac ;;
    calibrate)
        case $place in
        *) COMPREPLY=($(compgen -f -- "$word")) ;;
        esac ;;
    esac
}
complete -F _superpod superpod
