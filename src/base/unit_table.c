#include "unit_table.h"

enum { P = SP_I_UNIT_PARSE, H = SP_I_UNIT_PEOPLE, X = SP_I_UNIT_EXACT, A = SP_I_UNIT_BOTH };

#define KI 1024.0
#define MI (KI * KI)
#define GI (KI * MI)
#define TI (KI * GI)
#define PI_ (KI * TI)

static const sp_i_unit_row rows[] = {
    {SP_UNIT_NONE, "", 1, 0, A},

    {SP_UNIT_COUNT, "", 1, 0, A},
    {SP_UNIT_COUNT, "k", 1, 3, A},
    {SP_UNIT_COUNT, "M", 1, 6, A},
    {SP_UNIT_COUNT, "G", 1, 9, A},
    {SP_UNIT_COUNT, "T", 1, 12, A},
    {SP_UNIT_COUNT, "P", 1, 15, A},
    {SP_UNIT_COUNT, "E", 1, 18, A},

    {SP_UNIT_BYTES, "B", 1, 0, A},
    {SP_UNIT_BYTES, "kB", 1, 3, A},
    {SP_UNIT_BYTES, "MB", 1, 6, A},
    {SP_UNIT_BYTES, "GB", 1, 9, A},
    {SP_UNIT_BYTES, "TB", 1, 12, A},
    {SP_UNIT_BYTES, "PB", 1, 15, A},
    {SP_UNIT_BYTES, "EB", 1, 18, A},
    {SP_UNIT_BYTES, "KiB", KI, 0, X},
    {SP_UNIT_BYTES, "MiB", MI, 0, X},
    {SP_UNIT_BYTES, "GiB", GI, 0, X},
    {SP_UNIT_BYTES, "TiB", TI, 0, X},
    {SP_UNIT_BYTES, "PiB", PI_, 0, X},

    {SP_UNIT_BYTES_PER_S, "B/s", 1, 0, A},
    {SP_UNIT_BYTES_PER_S, "kB/s", 1, 3, A},
    {SP_UNIT_BYTES_PER_S, "MB/s", 1, 6, A},
    {SP_UNIT_BYTES_PER_S, "GB/s", 1, 9, A},
    {SP_UNIT_BYTES_PER_S, "TB/s", 1, 12, A},
    {SP_UNIT_BYTES_PER_S, "PB/s", 1, 15, A},
    {SP_UNIT_BYTES_PER_S, "EB/s", 1, 18, A},
    {SP_UNIT_BYTES_PER_S, "KiB/s", KI, 0, P},
    {SP_UNIT_BYTES_PER_S, "MiB/s", MI, 0, P},
    {SP_UNIT_BYTES_PER_S, "GiB/s", GI, 0, P},
    {SP_UNIT_BYTES_PER_S, "TiB/s", TI, 0, P},
    {SP_UNIT_BYTES_PER_S, "b/s", 0.125, 0, P},
    {SP_UNIT_BYTES_PER_S, "kb/s", 0.125, 3, P},
    {SP_UNIT_BYTES_PER_S, "Mb/s", 0.125, 6, P},
    {SP_UNIT_BYTES_PER_S, "Gb/s", 0.125, 9, P},
    {SP_UNIT_BYTES_PER_S, "Tb/s", 0.125, 12, P},
    {SP_UNIT_BYTES_PER_S, "Pb/s", 0.125, 15, P},
    {SP_UNIT_BYTES_PER_S, "bps", 0.125, 0, P},
    {SP_UNIT_BYTES_PER_S, "kbps", 0.125, 3, P},
    {SP_UNIT_BYTES_PER_S, "Mbps", 0.125, 6, P},
    {SP_UNIT_BYTES_PER_S, "Gbps", 0.125, 9, P},
    {SP_UNIT_BYTES_PER_S, "Tbps", 0.125, 12, P},
    {SP_UNIT_BYTES_PER_S, "Pbps", 0.125, 15, P},

    {SP_UNIT_SECONDS, "ps", 1, -12, A},
    {SP_UNIT_SECONDS, "ns", 1, -9, A},
    {SP_UNIT_SECONDS, "us", 1, -6, A},
    {SP_UNIT_SECONDS, "ms", 1, -3, A},
    {SP_UNIT_SECONDS, "s", 1, 0, A},
    {SP_UNIT_SECONDS, "min", 60, 0, A},
    {SP_UNIT_SECONDS, "h", 3600, 0, A},
    {SP_UNIT_SECONDS, "d", 86400, 0, A},
    {SP_UNIT_SECONDS, "y", 365 * 86400.0, 0, A},
    {SP_UNIT_SECONDS, "\xc2\xb5s", 1, -6, P},   /* micro sign */
    {SP_UNIT_SECONDS, "\xce\xbcs", 1, -6, P},   /* Greek mu   */

    {SP_UNIT_FLOP_PER_S, "FLOP/s", 1, 0, A},
    {SP_UNIT_FLOP_PER_S, "kFLOP/s", 1, 3, A},
    {SP_UNIT_FLOP_PER_S, "MFLOP/s", 1, 6, A},
    {SP_UNIT_FLOP_PER_S, "GFLOP/s", 1, 9, A},
    {SP_UNIT_FLOP_PER_S, "TFLOP/s", 1, 12, A},
    {SP_UNIT_FLOP_PER_S, "PFLOP/s", 1, 15, A},
    {SP_UNIT_FLOP_PER_S, "EFLOP/s", 1, 18, A},
    {SP_UNIT_FLOP_PER_S, "ZFLOP/s", 1, 21, A},
    {SP_UNIT_FLOP_PER_S, "FLOPS", 1, 0, P},
    {SP_UNIT_FLOP_PER_S, "MFLOPS", 1, 6, P},
    {SP_UNIT_FLOP_PER_S, "GFLOPS", 1, 9, P},
    {SP_UNIT_FLOP_PER_S, "TFLOPS", 1, 12, P},
    {SP_UNIT_FLOP_PER_S, "PFLOPS", 1, 15, P},
    {SP_UNIT_FLOP_PER_S, "EFLOPS", 1, 18, P},
    {SP_UNIT_FLOP_PER_S, "ZFLOPS", 1, 21, P},

    {SP_UNIT_WATT, "W", 1, 0, A},
    {SP_UNIT_WATT, "kW", 1, 3, A},
    {SP_UNIT_WATT, "MW", 1, 6, A},
    {SP_UNIT_WATT, "GW", 1, 9, A},

    {SP_UNIT_HERTZ, "Hz", 1, 0, A},
    {SP_UNIT_HERTZ, "kHz", 1, 3, A},
    {SP_UNIT_HERTZ, "MHz", 1, 6, A},
    {SP_UNIT_HERTZ, "GHz", 1, 9, A},

    {SP_UNIT_USD, "USD", 1, 0, A},
    {SP_UNIT_USD, "kUSD", 1, 3, A},
    {SP_UNIT_USD, "MUSD", 1, 6, A},
    {SP_UNIT_USD, "GUSD", 1, 9, A},

    {SP_UNIT_USD_PER_KWH, "USD/kWh", 1, 0, A},
    {SP_UNIT_PER_YEAR, "/y", 1, 0, A},

    {SP_UNIT_METER, "m", 1, 0, A},
    {SP_UNIT_METER, "km", 1, 3, A},

    {SP_UNIT_JOULE_PER_BIT, "pJ/bit", 1, -12, A},
    {SP_UNIT_JOULE_PER_BIT, "nJ/bit", 1, -9, A},
    {SP_UNIT_JOULE_PER_BIT, "J/bit", 1, 0, A},
};

static const sp_i_unit_kind kinds[SP_UNIT_N] = {
    [SP_UNIT_NONE] = {"a number without unit", "0.85 or 12"},
    [SP_UNIT_COUNT] = {"a count", "8192 or 15k"},
    [SP_UNIT_BYTES] = {"a size in bytes", "144GB or 16MiB"},
    [SP_UNIT_BYTES_PER_S] = {"a bandwidth", "56GB/s or 400Gb/s"},
    [SP_UNIT_SECONDS] = {"a time", "200ns, 1.5us or 30d"},
    [SP_UNIT_FLOP_PER_S] = {"a compute rate", "989TFLOP/s"},
    [SP_UNIT_WATT] = {"a power", "700W or 1.2MW"},
    [SP_UNIT_HERTZ] = {"a frequency", "1.8GHz"},
    [SP_UNIT_USD] = {"an amount of money", "25kUSD"},
    [SP_UNIT_USD_PER_KWH] = {"an energy price", "0.08USD/kWh"},
    [SP_UNIT_PER_YEAR] = {"a rate per year", "0.05/y"},
    [SP_UNIT_METER] = {"a length", "3m"},
    [SP_UNIT_JOULE_PER_BIT] = {"an energy per bit", "5pJ/bit"},
};

const sp_i_unit_row *sp_i_unit_rows(size_t *count)
{
    *count = sizeof rows / sizeof *rows;
    return rows;
}

const sp_i_unit_kind *sp_i_unit_kind_of(sp_unit unit)
{
    return &kinds[unit];
}
