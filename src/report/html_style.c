/* The page's style. Colours are variables, so that dark and paper change them in one place; every colour of a bar bears
 * the text drawn on it with a contrast of at least 3 : 1. */
#include "report_private.h"

#define LIGHT \
    "--bg:#ffffff;--fg:#1b1f24;--dim:#5b6470;--line:#d9dde3;--card:#f4f6f8;--bad:#b3261e;" \
    "--c0:#3f73c9;--c1:#c8701d;--c2:#3f8f57;--c3:#bf4444;--c4:#8557b5;--c5:#866547;--c6:#b5548f;--c7:#26888a;" \
    "--c8:#97801a;--c9:#64788f;--c10:#5a5fb0;--c11:#5d7a3a;--c12:#9c4a6f;--c13:#3d6b8f;--c14:#c3c8cf;--on14:#1b1f24;"
#define DARK \
    "--bg:#14171b;--fg:#e6e9ee;--dim:#9aa4b1;--line:#333a43;--card:#1d2228;--bad:#ff8a80;" \
    "--c0:#4d84dd;--c1:#d07a28;--c2:#479a60;--c3:#d05555;--c4:#9a6dcb;--c5:#987757;--c6:#c565a0;--c7:#30999b;" \
    "--c8:#a58d22;--c9:#71869e;--c10:#757ad0;--c11:#6b8a44;--c12:#ad5a80;--c13:#4a7ba3;--c14:#454d57;--on14:#e6e9ee;"

#define COLOR(n) ".k" #n "{fill:var(--c" #n ");background:var(--c" #n ")}"

const char sp_i_html_style[] =
    ":root{color-scheme:light dark;" LIGHT "}\n"
    "@media (prefers-color-scheme:dark){:root{" DARK "}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;padding:16px;max-width:1120px;background:var(--bg);color:var(--fg);"
    "font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','Liberation Sans',sans-serif;overflow-wrap:anywhere}\n"
    "h1{font-size:1.6em;line-height:1.2;margin:.4em 0 .1em}h2{font-size:1.15em;margin:2em 0 .6em;padding-bottom:.2em;"
    "border-bottom:1px solid var(--line)}h3{font-size:1em;margin:1.4em 0 .4em}\n"
    "p,ul{margin:.5em 0}ul{padding-left:1.3em}.dim,footer{color:var(--dim)}.bad{color:var(--bad)}small,.small{font-size:.85em}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(210px,1fr));gap:10px;margin:1em 0}\n"
    ".card{background:var(--card);border-radius:8px;padding:10px 12px}.card b{display:block;font-size:1.35em;line-height:1.3;"
    "font-variant-numeric:tabular-nums}.card span{color:var(--dim);font-size:.85em;display:block;line-height:1.35}\n"
    ".note{background:var(--card);border-left:4px solid var(--c0);padding:8px 12px;border-radius:0 8px 8px 0}\n"
    "pre{background:var(--card);border-radius:8px;padding:10px 12px;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85em;"
    "font-family:ui-monospace,'DejaVu Sans Mono','Liberation Mono',monospace}\n"
    "pre span{white-space:nowrap}.scroll{overflow-x:auto;max-width:100%}\n"
    "table{border-collapse:collapse;width:100%;font-size:.9em}th,td{padding:4px 14px 4px 0;text-align:left;vertical-align:top;"
    "border-bottom:1px solid var(--line);overflow-wrap:normal}th{color:var(--dim);font-weight:600;white-space:nowrap}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.l{white-space:nowrap}"
    "td.w{min-width:16em;overflow-wrap:anywhere}"
    "tr.sum td{font-weight:600}td:last-child,th:last-child{padding-right:0}\n"
    "svg{display:block}svg text{font:11px system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','Liberation Sans',sans-serif;"
    "fill:var(--fg);text-anchor:middle}svg text[class^=on]{fill:#fff}svg text.on14{fill:var(--on14)}svg text.t{fill:var(--dim)}"
    "svg text.s{text-anchor:start}svg text.e{text-anchor:end}svg text.m{font-size:9px}\n"
    "svg.bar{border-radius:3px}.bar rect{stroke:var(--bg);stroke-width:1px}.mark{stroke:var(--bad);stroke-width:2px}"
    ".axis{stroke:var(--line);stroke-width:1px}.lane{fill:var(--card)}rect.odd{fill-opacity:.55}\n"
    ".row{display:grid;grid-template-columns:5.6em minmax(0,1fr) 6.2em;gap:8px;align-items:center;font-size:.85em;margin:2px 0;"
    "font-variant-numeric:tabular-nums}.row>:last-child{text-align:right;white-space:nowrap}.row>:first-child{white-space:nowrap}\n"
    ".row.tight{margin:0}.row.two{grid-template-columns:5.6em minmax(0,1fr)}.row.two>:last-child{text-align:left}"
    ".tl{background:var(--card)}.scroll .row>:first-child{position:sticky;left:0;background:var(--bg);z-index:1}"
    ".tl rect,.tl path{stroke:none}.tl rect{stroke:var(--bg);stroke-width:.6px}\n"
    ".legend{font-size:.85em}.legend span{display:inline-block;margin-right:1em}.legend i,i.box{display:inline-block;width:.8em;"
    "height:.8em;border-radius:2px;margin-right:.4em;vertical-align:-.05em}\n"
    COLOR(0) COLOR(1) COLOR(2) COLOR(3) COLOR(4) COLOR(5) COLOR(6) COLOR(7) COLOR(8) COLOR(9) COLOR(10) COLOR(11) COLOR(12) COLOR(13) COLOR(14) "\n"
    "@media (max-width:520px){body{padding:10px;font-size:14px}.row{grid-template-columns:4.6em minmax(0,1fr) 5.4em;gap:5px}"
    ".row.tight{margin:0}.row.two{grid-template-columns:4.6em minmax(0,1fr)}"
    ".cards{grid-template-columns:repeat(auto-fill,minmax(140px,1fr))}"
    "table.stack tr{display:grid;grid-template-columns:minmax(0,1fr) auto auto auto;"
    "border-bottom:1px solid var(--line)}table.stack td,table.stack th{border:0;padding-right:0}table.stack td.n,table.stack th.n{"
    "padding-left:10px}table.stack td.w,table.stack th.w,table.stack td[colspan]{grid-column:1/-1}table.stack td.w{padding-top:0}"
    /* what stands in a table's first column (class f) gets a line of its own; --n columns of numbers share the next */
    "table.side tr{display:grid;grid-template-columns:repeat(var(--n),minmax(0,1fr));column-gap:8px;border-bottom:1px solid "
    "var(--line);padding:3px 0}table.side td,table.side th{border:0;padding:0;text-align:left;white-space:normal}"
    "table.side .f{grid-column:1/-1}table.side td.f{color:var(--dim)}table.side th.f{display:none}}\n"
    "@media print{:root{" LIGHT "}body{max-width:none;padding:0;font-size:10pt}*{-webkit-print-color-adjust:exact;"
    "print-color-adjust:exact}h2,h3,tr.sum{break-after:avoid}.card,.chart,.row,tr,svg,pre{break-inside:avoid}svg text.m{"
    "font-size:7px}.cards{grid-template-columns:repeat(4,1fr)}.card b{font-size:1.15em}.scroll{overflow:visible}"
    ".scroll>*{min-width:0!important}td.w{min-width:8em}table{font-size:8.5pt}}\n";
