#include "superpod/base.h"

const char *sp_status_name(sp_status status)
{
    switch (status) {
    case SP_OK: return "ok";
    case SP_E_INVAL: return "invalid";
    case SP_E_PARSE: return "parse";
    case SP_E_IO: return "io";
    case SP_E_NOMEM: return "memory";
    case SP_E_RANGE: return "range";
    case SP_E_NOTFOUND: return "not-found";
    case SP_E_UNFIT: return "unfit";
    case SP_E_INTERNAL: return "internal";
    case SP_E_INTERRUPTED: return "interrupted";
    }
    return "unknown";
}
