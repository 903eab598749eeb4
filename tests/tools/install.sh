#!/bin/sh
# Installs a build into an empty folder and builds a program against it with pkg-config alone, shared and static.
set -eu
build=$1 compiler=$2
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT

cmake --install "$build" --prefix "$prefix" > "$prefix/log"
pc=$(find "$prefix" -name superpod.pc)
[ -n "$pc" ] || { echo "FAIL: no superpod.pc installed"; exit 1; }
# The file carries the configured prefix; --define-prefix moves it to where the file lies.
flags() { PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --define-prefix "$@" superpod; }

for header in include/superpod/*.h; do
    [ -f "$prefix/include/superpod/$(basename "$header")" ] || { echo "FAIL: $header is not installed"; exit 1; }
done
if [ -d catalog ]; then
    diff -r catalog "$prefix/share/superpod/catalog"
fi
for page in docs/man/*.1; do
    [ ! -f "$page" ] || [ -f "$prefix/share/man/man1/$(basename "$page")" ] || { echo "FAIL: $page is not installed"; exit 1; }
done

# Each header stands alone.
for header in "$prefix"/include/superpod/*.h; do
    # shellcheck disable=SC2046
    "$compiler" -std=c17 -Wall -Wextra -Werror -fsyntax-only -x c $(flags --cflags) -include "$header" /dev/null
done

cat > "$prefix/tiny.c" <<'END'
#include <stdio.h>
#include <superpod/text.h>
int main(void)
{
    double time_s = 0;
    sp_doc *doc = NULL;
    if (sp_unit_parse("200ns", SP_UNIT_SECONDS, &time_s, NULL) || sp_doc_parse("a: 1", 4, "tiny", &doc, NULL))
        return 1;
    printf("%s %g %zu\n", SP_VERSION, time_s, sp_node_count(sp_doc_root(doc)));
    sp_doc_destroy(doc);
    return 0;
}
END
# Word splitting of the flags is meant.
# shellcheck disable=SC2046
"$compiler" -std=c17 -Wall -Wextra -Werror $(flags --cflags) "$prefix/tiny.c" $(flags --libs) -o "$prefix/shared"
# shellcheck disable=SC2046
"$compiler" -std=c17 $(flags --cflags) "$prefix/tiny.c" "$(find "$prefix" -name libsuperpod.a)" -lyaml -ljansson -lsqlite3 -lm -pthread -o "$prefix/static"
expected="$(flags --modversion) 2e-07 1"
for program in shared static; do
    got=$(LD_LIBRARY_PATH=$(dirname "$(dirname "$pc")") "$prefix/$program")
    [ "$got" = "$expected" ] || { echo "FAIL: $program printed '$got', expected '$expected'"; exit 1; }
done
# What the headers do not promise is not exported. A function that the headers declare and nobody defines would be missing.
library=$(find "$prefix" -name libsuperpod.so)
nm -D --defined-only "$library" | awk '{ print $3 }' | sort > "$prefix/exported"
if grep -v '^sp_' "$prefix/exported" || grep '^sp_i_' "$prefix/exported"; then
    echo "FAIL: these are exported and not public"
    exit 1
fi
cat include/superpod/*.h | sed 's|/\*.*\*/||; s|^ *\*.*||' | grep -v 'static inline' | grep -oE '\bsp_[a-z0-9_]+\(' | tr -d '(' | sort -u > "$prefix/declared"
missing=$(comm -13 "$prefix/exported" "$prefix/declared")
[ -z "$missing" ] || { echo "FAIL: declared in a public header, defined nowhere:" $missing; exit 1; }

echo "installed $(find "$prefix" -type f | wc -l) files; programs against the shared and the static library run"
