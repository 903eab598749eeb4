# Bad input: every kind is refused with exit status 2, nothing on standard output, and a message that names the place,
# what was found and what was expected. One test a kind.
load helper

# A chip file with the line that begins with KEY replaced; prints its path.
chip_with() { # KEY LINE
    sed "s|^$1:.*|$2|" catalog/chips/h100.yaml > "$BATS_TEST_TMPDIR/chip.yaml"
    echo "$BATS_TEST_TMPDIR/chip.yaml"
}
line_of() { grep -n "^$1:" "$2" | cut -d: -f1; }

llama() { # SED EXPRESSION: a Hugging Face configuration, changed
    sed "$1" > "$BATS_TEST_TMPDIR/config.json" <<'JSON'
{
  "model_type": "llama",
  "hidden_size": 4096,
  "intermediate_size": 11008,
  "num_attention_heads": 32,
  "num_hidden_layers": 32,
  "num_key_value_heads": 8,
  "vocab_size": 32000,
  "max_position_embeddings": 4096,
  "tie_word_embeddings": false
}
JSON
    echo "$BATS_TEST_TMPDIR/config.json"
}

# ---- usage ----------------------------------------------------------------------------------------------------------

@test "no verb" { refuses "no verb; \`superpod --help\` lists the verbs"; }
@test "unknown verb, near a known one" { refuses "unknown verb 'mchine'; did you mean 'machine'?" mchine show x; }
@test "unknown verb, near none" { refuses "unknown verb 'xyzzy'; \`superpod --help\` lists the verbs" xyzzy; }
@test "missing action" { refuses "\`superpod machine\` needs more; expected: superpod machine list|show|check" machine; }
@test "unknown action" { refuses "\`superpod chip shwo\` is not known; did you mean 'show'?" chip shwo h100; }
@test "missing operand" { refuses "MODEL is missing; expected: superpod plan MACHINE MODEL" plan atlas-950-superpod; }
@test "empty operand" { refuses "CHIP is empty" chip show ""; }
@test "operand too many" { refuses "unexpected argument 'b200'" chip show h100 b200; }
@test "unknown option, near a known one" { refuses "unknown option --objctive; did you mean --objective?" plan a b --objctive cost; }
@test "unknown option, near none" { refuses "unknown option --frobnicate; \`superpod plan --help\` lists them" plan a b --frobnicate; }
@test "unknown short option" { refuses "unknown option -z" chip list -z; }
@test "option of another verb" { refuses "'chip' does not take --tp; it belongs to: train, plan" chip list --tp 8; }
@test "option without its value at the end" { refuses "--gbs needs a value (N); found the end" plan a b --gbs; }
@test "option without its value before another option" { refuses "--gbs needs a value (N); found the option --seq" plan a b --gbs --seq 1; }
@test "option with an empty value" { refuses "--catalog:1:1: error: the value is empty; expected DIR" chip list --catalog=; }
@test "flag with a value" { refuses "--json takes no value; found '3'" chip list --json=3; }
@test "option twice" { refuses "--seq is given twice; give it once" model show deepseek-v3 --seq 1 --seq 2; }
@test "the option stands where it stands: after -- it is an operand" { refuses "no chip is called '--json'" chip show -- --json; }

# ---- values of options ----------------------------------------------------------------------------------------------

@test "count that is text" { refuses "--tp:1:1: error: found 'eight'; expected a whole number from 1 to" train a b --tp eight; }
@test "count with a tail" { refuses "--tp:1:2: error: found '8x'" train a b --tp 8x; }
@test "negative count" { refuses "--gbs:1:1: error: found '-1'" plan a b --gbs -1; }
@test "count that is NaN" { refuses "--seq:1:1: error: found 'nan'" plan a b --seq nan; }
@test "fractional count" { refuses "--mbs:1:2: error: found '1.5'" train a b --mbs 1.5; }
@test "zero where one is the least" { refuses "--pp:1:1: error: 0 is out of range; expected a whole number from 1 to 512" train a b --pp 0; }
@test "count of 10^18" { refuses "--dp:1:1: error: 1000000000000000000 is out of range" train a b --dp 1000000000000000000; }
@test "count beyond 64 bits" { refuses "--dp:1:1: error: 99999999999999999999999 is out of range" train a b --dp 99999999999999999999999; }
@test "ZeRO stage 4" { refuses "--zero:1:1: error: 4 is out of range; expected a whole number from 0 to 3" train a b --zero 4; }
@test "choice, near a known one" { refuses "--recompute:1:1: error: unknown value 'ful'; did you mean 'full'?" train a b --recompute ful; }
@test "choice, near none" { refuses "--objective:1:1: error: unknown value 'beauty'; expected one of: throughput, cost, energy, chips" plan a b --objective beauty; }
@test "number format that does not exist" { refuses "--precision:1:1: error: unknown value 'fp7'" train a b --precision fp7; }
@test "catalog folder that does not exist" { refuses "--catalog: error: /nonexistent is not a folder" chip list --catalog /nonexistent; }
@test "catalog of the environment that does not exist" {
    SUPERPOD_CATALOG=/nonexistent refuses "SUPERPOD_CATALOG: error: /nonexistent is not a folder" chip list
}

# ---- plans in words ---------------------------------------------------------------------------------------------------

@test "words of a plan: counts from 1, in every verb that reads them" {
    for key in tp cp ep etp pp vpp dp mbs gbs seq; do
        refuses "--set:1:$((${#key} + 2)): error: found $key '0', expected a whole number from 1 to" train dgx-h100:4 llama3.1-8b --set "$key=0"
        refuses "error: found $key '0'" place dgx-h100:4 32 --network llama3.1-8b --set "$key=0"
        refuses "error: found $key '0'" plan dgx-h100:1 llama3.1-8b --set "$key=0"
    done
    refuses "is not the job's 32 chips" place dgx-h100:4 32 --network llama3.1-8b --set "tp=16777216 cp=16777216 pp=65536 gbs=32"
}
@test "words of a plan: one field said twice" {
    refuses "--set:1:6: error: found tp=8, and --tp 4; give one of them" train dgx-h100:4 llama3.1-8b --gbs 32 --tp 4 --set "pp=2 tp=8"
    refuses "--set:1:1: error: found stack=ideal, and --stack nccl" train dgx-h100:4 llama3.1-8b --gbs 32 --stack nccl --set "stack=ideal"
    refuses "--place:1:6: error: found 'tp=1', and that axis stands before it too" train dgx-h100:4 llama3.1-8b --gbs 32 --place tp=0,tp=1
}
@test "words of a plan: without the model that they are of" {
    refuses "--set is of a model; give --network" place dgx-h100:4 8 --set tp=8
    refuses "--plan is of a model; give --network" check-placement dgx-h100:4 8 0 --plan /dev/null
}

# ---- files to write and to read without end -----------------------------------------------------------------------------

@test "outputs: each to a place of its own, and none over what is read" {
    config="$(llama '')"
    before="$(sha256sum "$config")"
    refuses "is read, and --html would replace it" train dgx-h100:4 "$config" --gbs 32 --html "$config"
    [ "$(sha256sum "$config")" = "$before" ]
    both="$BATS_TEST_TMPDIR/both"
    refuses "is given for --timeline and for --html" train dgx-h100:4 llama3.1-8b --gbs 32 --timeline "$both" --html "$both"
    refuses "is given for --save and for --html" plan dgx-h100:4 llama3.1-8b --gbs 32 --save "$both" --html "$both"
    refuses "is given for --report and for --golden" validate validation/kernels.csv --report "$both.md" --golden "$both.md"
    [ ! -e "$both" ] && [ ! -e "$both.md" ]
}
@test "outputs: a folder that cannot be written is refused before a minute's fitting" {
    refuses "cannot be written for --write: No such file" calibrate --write /nonexistent
    refuses "cannot be written for --write: it is not a folder" calibrate --write README.md
}
@test "files without end" {
    refuses "larger than" place atlas-950-superpod 64 --running /dev/zero
    refuses "larger than" machine show /dev/zero
    refuses "larger than" validate /dev/zero
}
@test "list of jobs with a NUL byte" { refuses "jobs.txt: error: found a NUL byte" defrag atlas-950-superpod "$(printf 'a 0-63\n\0b 64\n' | file jobs.txt)" --segment 512; }

# ---- machine strings --------------------------------------------------------------------------------------------------

@test "machine string: wrong unit" { refuses ":1:10: error: found 'GBs' after the number; expected a bandwidth" machine show "mesh:8@56GBs,200ns chip=h100"; }
@test "machine string: unit of another dimension" { refuses ":1:10: error: found unit 'ns', which is a time" machine show "mesh:8@56ns,200ns chip=h100"; }
@test "machine string: no unit" { refuses ":1:10: error:" machine show "mesh:8@56,200ns chip=h100"; }
@test "machine string: negative rate" { refuses ":1:8: error: found '-56GB/s', which is negative" machine show "mesh:8@-56GB/s,200ns chip=h100"; }
@test "machine string: NaN" { refuses ":1:8: error: found 'nan'" machine show "mesh:8@nan,200ns chip=h100"; }
@test "machine string: infinity" { refuses ":1:8: error: found 'inf'" machine show "mesh:8@inf,200ns chip=h100"; }
@test "machine string: negative size" { refuses ":1:6: error:" machine show "mesh:-8@56GB/s,200ns chip=h100"; }
@test "machine string: size 0" { refuses ":1:6: error:" machine show "mesh:0@56GB/s,200ns chip=h100"; }
@test "machine string: 10^18 chips" { refuses ":1:6: error: found '1000000000000000000" machine show "mesh:1000000000000000000@56GB/s,200ns chip=h100"; }
@test "machine string: 10^18 chips by a product" { refuses "beyond 16777216 chips" machine show "clos:1000000@56GB/s,1us clos:1000000@56GB/s,1us clos:1000000@56GB/s,1us chip=h100"; }
@test "machine string: unknown kind of tier" { refuses ":1:1: error: found 'mash:8@56GB/s,200ns'" machine show "mash:8@56GB/s,200ns chip=h100"; }
@test "machine string: unknown chip" { refuses ":1:26: error: no chip is called 'h10'; did you mean 'h100'?" machine show "mesh:8@25GB/s,200ns chip=h10"; }
@test "machine string: no chip" { refuses "the machine has no chip; add chip=NAME" machine show "mesh:8@56GB/s,200ns"; }
@test "machine string: taper below 1" { refuses "the taper must lie between 1" machine show "clos:8@56GB/s,200ns,taper=0.5 chip=h100"; }
@test "machine string: a date that is none" { refuses ":1:41: error: found '2026Q7', expected a date like 2026" machine show "mesh:8@25GB/s,200ns chip=h100 available=2026Q7"; }
@test "machine string: 0 where leaving it out means unknown" {
    for word in rack chips-per-host; do refuses "found $word=0; it starts at 1" machine show "clos:8@50GB/s,1us chip=h100 $word=0"; done
    refuses ":1:35: error: found power, which starts at 0" machine show "clos:8@50GB/s,1us chip=h100 power=0W"
    refuses ":1:35: error: found price, which starts at 0" machine show "clos:8@50GB/s,1us chip=h100 price=0USD"
}
@test "machine string: hosts that the chips or a rack do not fill" {
    refuses "8 chips are not whole hosts of 3" machine show "clos:8@50GB/s,1us chip=h100 chips-per-host=3"
    refuses "a rack of 6 chips does not hold whole hosts of 4" machine show "clos:8@50GB/s,1us chip=h100 chips-per-host=4 rack=6"
}
@test "machine string: one name for two things" {
    refuses ":1:37: error: 'plane' is given twice" machine show "clos:8@50GB/s,1us chip=h100 plane=x plane=y"
    refuses "are called 'a'; give each a name of its own" machine show "clos:8@50GB/s,1us,name=a clos:8@50GB/s,1us,name=a chip=h100"
}
@test "machine string: more ports than the chip has" { refuses "63 in all, but ascend-950dt has 18" machine show "mesh:64@56GB/s,200ns chip=ascend-950dt"; }

# ---- names and files --------------------------------------------------------------------------------------------------

@test "unknown machine, with suggestion" { refuses "no machine is called 'atlas-950-superpd'; did you mean 'atlas-950-superpod'?" machine show atlas-950-superpd; }
@test "unknown chip, with suggestion" { refuses "no chip is called 'ascend-950d'; did you mean 'ascend-950dt'?" chip show ascend-950d; }
@test "unknown model, with suggestion" { refuses "no model is called 'deepseek-v33'; did you mean 'deepseek-v3'?" model show deepseek-v33; }
@test "machine file that does not exist" { refuses "/nonexistent.yaml: error: cannot open the file: No such file or directory" machine show /nonexistent.yaml; }
@test "chip file that does not exist" { refuses "/nonexistent.yaml: error: cannot open the file" chip show /nonexistent.yaml; }
@test "model file that does not exist" { refuses "/nonexistent.json: error: cannot open the file" model show /nonexistent.json; }
@test "folder where a file is expected" { refuses "$BATS_TEST_TMPDIR/x.yaml: error:" machine show "$(mkdir "$BATS_TEST_TMPDIR/x.yaml"; echo "$BATS_TEST_TMPDIR/x.yaml")"; }
@test "empty file" { refuses "empty.yaml" machine show "$(printf '' | file empty.yaml)"; }
@test "binary file" { refuses "binary.yaml:1:" chip show "$(head -c 512 "$SUPERPOD" | file binary.yaml)"; }
@test "file with a NUL byte" { refuses "nul.yaml:2:" chip show "$(printf 'name: x\nti\0tle: y\n' | file nul.yaml)"; }
@test "file cut in the middle" { refuses "cut.json:" model show "$(head -c 100 "$(llama '')" | file cut.json)"; }
@test "file that is not UTF-8" { refuses "latin.yaml:1:" chip show "$(printf 'name: caf\351\n' | file latin.yaml)"; }

@test "YAML: tab as indentation" { refuses "tab.yaml:2:1: error:" chip show "$(printf 'matrix:\n\tbf16: 1\n' | file tab.yaml)"; }
@test "YAML: duplicate key" { refuses "twice.yaml:2:1: error:" chip show "$(printf 'name: a\nname: b\n' | file twice.yaml)"; }
@test "YAML: bracket that is never closed" { refuses "open.yaml:" chip show "$(printf 'name: [a, b\n' | file open.yaml)"; }
@test "YAML: two documents" { refuses "two.yaml:" chip show "$(printf 'name: a\n---\nname: b\n' | file two.yaml)"; }
@test "YAML: a list where a map is expected" { refuses "list.yaml:1:1: error:" chip show "$(printf -- '- a\n- b\n' | file list.yaml)"; }
@test "YAML: nesting without end" { refuses "deep.yaml:" chip show "$(head -c 5000 /dev/zero | tr '\0' '[' | file deep.yaml)"; }
@test "JSON: a comma too few" { refuses "config.json:" model show "$(llama '3s/,//')"; }
@test "JSON: cut string" { refuses "config.json:" model show "$(llama '2s/"llama"/"llama/')"; }

@test "chip: unknown key, with suggestion" {
    chip=$(chip_with memory 'memroy: {value: 80GB, grade: press, source: x}')
    refuses "chip.yaml:$(line_of memroy "$chip"):1: error:" chip show "$chip"
    refuses "memory" chip show "$chip"
}
@test "chip: wrong unit" {
    chip=$(chip_with memory 'memory: {value: 80GB/s, grade: press, source: x}')
    refuses "chip.yaml:$(line_of memory "$chip"):1" chip show "$chip"
}
@test "chip: negative size" {
    chip=$(chip_with memory 'memory: {value: -80GB, grade: press, source: x}')
    refuses "chip.yaml:$(line_of memory "$chip"):17: error:" chip show "$chip"
}
@test "chip: unknown grade" {
    chip=$(chip_with memory 'memory: {value: 80GB, grade: rumour, source: x}')
    refuses "chip.yaml:$(line_of memory "$chip"):30: error:" chip show "$chip"
}
@test "chip: value without source" {
    chip=$(chip_with memory 'memory: {value: 80GB, grade: press}')
    refuses "chip.yaml:$(line_of memory "$chip"):" chip show "$chip"
}
@test "chip: interval upside down" {
    chip=$(chip_with memory 'memory: {value: [90GB, 80GB, 70GB], grade: guess, source: x}')
    refuses "chip.yaml:$(line_of memory "$chip"):" chip show "$chip"
}
@test "model: unknown model_type" { refuses "config.json:2:" model show "$(llama 's/llama/lama/')"; }
@test "model: a field is missing" { refuses "hidden_size" model show "$(llama '/hidden_size/d')"; }
@test "model: a field has the wrong type" { refuses "config.json:3:18: error:" model show "$(llama 's/4096,/"wide",/')"; }
@test "model: negative layers" { refuses "config.json:6:24: error:" model show "$(llama '/hidden_layers/s/32/-32/')"; }
@test "model: 10^18 layers" { refuses "config.json:6:24: error:" model show "$(llama '/hidden_layers/s/32/1000000000000000000/')"; }
@test "model: key/value heads that do not divide the heads" { refuses "config.json" model show "$(llama '/key_value/s/8/7/')"; }
