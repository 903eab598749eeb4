/* Closed forms: checkpoint interval, ETTR, availability with spares. Model pages: checkpointing.md, failures.md. */
#include "superpod/cluster.h"

#include <math.h>

double sp_cluster_availability(double mtbf_s, double mttr_s)
{
    if (isinf(mtbf_s)) return 1;
    return mtbf_s / (mtbf_s + mttr_s);
}

/* With x = (t + C) / M: e^(R/M) M (e^x - 1) is the expected wall time of one interval, failures during restart included
 * (Daly 2006, eq. 20). */
double sp_cluster_ettr(double mtbf_s, double interval_s, double checkpoint_s, double restart_s)
{
    if (isinf(mtbf_s)) return interval_s / (interval_s + checkpoint_s);
    double wall = exp(restart_s / mtbf_s) * mtbf_s * expm1((interval_s + checkpoint_s) / mtbf_s);
    return isinf(wall) ? 0 : interval_s / wall;
}

/* Setting the derivative to 0 gives 1 - u = e^-(u + c), u = t/M, c = C/M. f(u) = u - 1 + e^-(u+c) is convex and increasing on
 * u >= 0 with f(0) < 0 < f(1): Newton from the right end falls monotonically to the root. */
double sp_cluster_interval(double mtbf_s, double checkpoint_s)
{
    if (isinf(mtbf_s) || checkpoint_s <= 0) return isinf(mtbf_s) ? INFINITY : 0;
    double c = checkpoint_s / mtbf_s, u = fmin(1, sqrt(2 * c) + c);
    for (int i = 0; i < 100; i++) {
        double value = u + expm1(-(u + c)), slope = -expm1(-(u + c)), next = u - value / slope;
        if (!(fabs(next - u) > 1e-15 * u)) break;
        u = next;
    }
    return u * mtbf_s;
}

/* Weights of "k units are out", relative to the largest so far so that 10^6 units neither under- nor overflow:
 * w[k+1] = w[k] active(k) f / (min(k+1, crews) r), active = min(needed, needed + spares - k). Stops in the far tail. */
typedef struct chain { double whole, total; } chain;

static chain chain_sum(uint64_t needed, uint64_t spares, double ratio, uint64_t crews)
{
    chain sum = {0};
    double weight = 1;
    for (uint64_t k = 0; k <= needed + spares; k++) {
        sum.total += weight;
        if (k <= spares) sum.whole += weight;
        uint64_t left = needed + spares - k, active = left < needed ? left : needed;
        uint64_t repairing = crews != 0 && k + 1 > crews ? crews : k + 1;
        double step = (double)active * ratio / (double)repairing;
        if (k > spares && step < 1 && weight < 1e-18 * sum.total * (1 - step)) break;
        weight *= step;
        if (weight > 1e200) {
            weight *= 1e-200;
            sum.total *= 1e-200;
            sum.whole *= 1e-200;
        }
    }
    return sum;
}

double sp_cluster_spare_availability(uint64_t needed, uint64_t spares, double fail_per_s, double repair_per_s, uint64_t crews)
{
    if (fail_per_s <= 0 || needed == 0) return 1;
    if (repair_per_s <= 0) return 0;
    chain sum = chain_sum(needed, spares, fail_per_s / repair_per_s, crews);
    return sum.whole / sum.total;
}

/* Availability grows with the spares: bisection after doubling. */
uint64_t sp_cluster_spares_needed(uint64_t needed, double target, double fail_per_s, double repair_per_s, uint64_t crews, uint64_t most)
{
    uint64_t high = 1, low = 0;
    if (sp_cluster_spare_availability(needed, 0, fail_per_s, repair_per_s, crews) >= target) return 0;
    while (high < most && sp_cluster_spare_availability(needed, high, fail_per_s, repair_per_s, crews) < target) {
        low = high;
        high *= 2;
    }
    if (high > most) high = most;
    if (sp_cluster_spare_availability(needed, high, fail_per_s, repair_per_s, crews) < target) return UINT64_MAX;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (sp_cluster_spare_availability(needed, middle, fail_per_s, repair_per_s, crews) >= target) high = middle;
        else low = middle;
    }
    return high;
}

void sp_cluster_mean(const double *value, uint32_t n, double *mean, double *half_width)
{
    /* Student's t, 97.5 %, by degrees of freedom; beyond 30 the normal's within 4 %. */
    static const double t[31] = {0, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
                                 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < n; i++) sum += value[i];
    *mean = n == 0 ? 0 : sum / n;
    for (uint32_t i = 0; i < n; i++) squares += (value[i] - *mean) * (value[i] - *mean);
    *half_width = n < 2 ? 0 : t[n - 1 < 30 ? n - 1 : 30] * sqrt(squares / (n - 1) / n);
}
