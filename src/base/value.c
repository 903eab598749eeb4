#include "superpod/base.h"

const char *sp_grade_name(sp_grade grade)
{
    static const char *const names[SP_GRADE_N] = {"none", "vendor", "paper", "press", "fitted", "derived", "guess"};
    return (unsigned)grade < SP_GRADE_N ? names[grade] : "none";
}

sp_value sp_value_of(double nominal, sp_grade grade, const char *source)
{
    return (sp_value){nominal, nominal, nominal, grade, source};
}
