#!/bin/sh
# check-layers passes on this tree, and refuses each kind of violation in a small one, naming file and line.
set -eu
check=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

fresh() {
    rm -rf "$tree"
    mkdir -p "$tree/tools" "$tree/include/superpod" "$tree/src/low" "$tree/src/high" "$tree/cli"
    printf 'low\nhigh\n' > "$tree/tools/layers.txt"
    echo '#include <stdint.h>' > "$tree/include/superpod/low.h"
    echo '#include "superpod/low.h"' > "$tree/include/superpod/high.h"
    printf '#include "superpod/low.h"\n#include "low_private.h"\n' > "$tree/src/low/one.c"
    echo '#include "superpod/low.h"' > "$tree/src/low/low_private.h"
    printf '#include "superpod/low.h"\n#include "superpod/high.h"\n' > "$tree/src/high/two.c"
    echo '#include "superpod/high.h"' > "$tree/cli/main.c"
}

refuses() { # expected start of the one line printed
    if found=$("$check" "$tree"); then
        echo "FAIL: not refused: $1"
        exit 1
    fi
    case $found in
    "$1"*) ;;
    *) echo "FAIL: expected '$1', got '$found'"; exit 1 ;;
    esac
}

fresh
"$check" "$tree"

printf '\n#include "superpod/high.h"\n' >> "$tree/include/superpod/low.h"
refuses 'include/superpod/low.h:3: low includes "superpod/high.h"'
fresh
echo '#include "superpod/low.h"' >> "$tree/include/superpod/low.h"
refuses 'include/superpod/low.h:2: low includes "superpod/low.h"'
fresh
echo '#include "low_private.h"' >> "$tree/include/superpod/high.h"
refuses 'include/superpod/high.h:2: "low_private.h"'
fresh
echo '  #  include <superpod/high.h>' >> "$tree/src/low/one.c"
refuses 'src/low/one.c:3: low includes "superpod/high.h"'
fresh
echo '#include "low_private.h"' >> "$tree/src/high/two.c"
refuses 'src/high/two.c:3: "low_private.h"'
fresh
echo '#include "../low/low_private.h"' >> "$tree/src/high/two.c"
refuses 'src/high/two.c:3: "../low/low_private.h"'
fresh
echo '#include "superpod/other.h"' >> "$tree/src/high/two.c"
refuses 'src/high/two.c:3: "superpod/other.h"'
fresh
echo '#include "low_private.h"' >> "$tree/cli/main.c"
refuses 'cli/main.c:2: "low_private.h"'
fresh
mkdir "$tree/src/stray"
: > "$tree/src/stray/three.c"
refuses 'src/stray/three.c:1: '
fresh
: > "$tree/include/superpod/stray.h"
refuses 'include/superpod/stray.h:1: '
fresh
: > "$tree/src/high/one.c"
refuses 'src/low/one.c:1: the name one.c is taken by src/high/one.c'

"$check"
echo "check-layers: 11 kinds of violation refused, this tree passes"
