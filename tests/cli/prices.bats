# Prices: one table for all verbs, one's own in its place, and what is refused in it.
load helper

MODEL=llama3-8b
MACHINE=gb300-nvl72

own() {   # a folder of prices that can be spoiled
    mkdir -p "$BATS_TEST_TMPDIR/prices"
    cp catalog/prices/running.yaml catalog/prices/systems.yaml "$BATS_TEST_TMPDIR/prices"
    echo "$BATS_TEST_TMPDIR/prices"
}

usd_an_hour() { "$SUPERPOD" "$@" --json --quiet | python3 -c 'import json,sys
r = json.load(sys.stdin)["result"]
m = r["machines"][0] if "machines" in r else r.get("best", r)
print("%.6g" % (m.get("cost_usd_per_hour") or m["usd_per_hour"]["nominal"]))'; }

@test "prices: train, plan and compare cost the same" {
    train=$(usd_an_hour train $MACHINE $MODEL --gbs 288)
    [ "$train" = "$(usd_an_hour plan $MACHINE $MODEL --gbs 288)" ]
    [ "$train" = "$(usd_an_hour compare $MODEL $MACHINE --gbs 288)" ]
}

@test "prices: one's own stand for the catalog's" {
    dir=$(own)
    sed -i 's/^gb300-nvl72:.*/gb300-nvl72: {value: 104kUSD, grade: press, source: "an offer"}/' "$dir/systems.yaml"
    sed -i 's|^electricity:.*|electricity: {value: 0.000001USD/kWh, grade: press, source: "an offer"}|' "$dir/running.yaml"
    sed -i 's/^lifetime:.*/lifetime: {value: 4y, grade: press, source: "an offer"}/' "$dir/running.yaml"
    python3 -c 'import sys; h = float(sys.argv[1]); assert abs(h / (72 * 104e3 / (4 * 365 * 24)) - 1) < 2e-3, h' "$(usd_an_hour train $MACHINE $MODEL --gbs 288 --prices "$dir")"
    answers train $MACHINE $MODEL --gbs 288 --prices "$dir" --sources
    says "press    gb300-nvl72 all-in price a chip: 104 kUSD"
}

spoilt() {   # what is said, file, sed script
    dir=$(own)
    sed -i "$3" "$dir/$2"
    refuses "$dir/$2:$1" compare $MODEL $MACHINE --gbs 288 --prices "$dir"
    refuses "$dir/$2:$1" train $MACHINE $MODEL --gbs 288 --prices "$dir"
}

@test "prices: faults are told with their places" {
    spoilt "4:1: error: no machine is called 'gb300-nvl27'; did you mean 'gb300-nvl72'?" systems.yaml '4s/.*/gb300-nvl27: {value: 1kUSD, grade: guess, source: "x"}/'
    spoilt "2:" systems.yaml '2s/grade: guess/grade: rumour/'
    spoilt "2:" systems.yaml '2s/\[.*\]/-5kUSD/'
    spoilt "2:" systems.yaml '2s/\[.*\]/.nan/'
    spoilt "2:" systems.yaml '2s/\[.*\]/52GB/'
    spoilt "3:" systems.yaml '3s/^vr-nvl72/gb300-nvl72/'
    spoilt "2:" running.yaml '2s/^electricity/elektricity/'
    spoilt "2:" running.yaml '/^lifetime/d'
    spoilt "3:" running.yaml '3s/\[.*\]/0y/'
    spoilt "" running.yaml '1,$d'
    spoilt "" systems.yaml '2s/}$//'
}

@test "prices: a folder that is none, or lacks a file" {
    refuses "--prices: error: /no/such is not a folder" plan $MACHINE $MODEL --gbs 288 --prices /no/such
    dir=$(own)
    rm "$dir/running.yaml"
    refuses "$dir/running.yaml: error: cannot open" train $MACHINE $MODEL --gbs 288 --prices "$dir"
}
