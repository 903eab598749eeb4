/* Samples until a benchmark's target is reached, by global batch: reference convergence points of MLPerf Training (github:mlcommons/logging
 * mlperf_logging/rcp_checker training_4.1.0 and 5.1.0, rcps_*.json: means of their runs; of GPT-3, whose 3072 has an outlier of ten times
 * the others, medians, of sequences of 2,048 tokens). Between two points a line; beyond them nothing is known. */
#include "run_i.h"

#include <math.h>
#include <string.h>

static const struct { const char *benchmark; double gbs, samples; } points[] = {
    {"gpt3", 1536, 577536}, {"gpt3", 2048, 565248}, {"gpt3", 3072, 589824}, {"gpt3", 4096, 614400}, {"gpt3", 6144, 688128}, {"gpt3", 8192, 786432},
    {"llama2_70b_lora", 8, 3187.2}, {"llama2_70b_lora", 16, 4051.2}, {"llama2_70b_lora", 32, 6028.8}, {"llama2_70b_lora", 128, 11289.6},
    {"llama31_405b", 1008, 324576}, {"llama31_405b", 1152, 313344}, {"llama31_405b", 2304, 368640}, {"llama31_405b", 4608, 488448},
    {"llama31_8b", 16, 161587.2}, {"llama31_8b", 32, 179404.8}, {"llama31_8b", 64, 226713.6}, {"llama31_8b", 96, 278640}, {"llama31_8b", 128, 345907.2},
};

double sp_i_time_samples(const char *benchmark, double gbs)
{
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        if (strcmp(points[i].benchmark, benchmark) != 0 || points[i].gbs < gbs)
            continue;
        bool first = i == 0 || strcmp(points[i - 1].benchmark, benchmark) != 0;
        if (first || points[i].gbs <= gbs)
            return points[i].gbs <= gbs ? points[i].samples : NAN;
        double part = (gbs - points[i - 1].gbs) / (points[i].gbs - points[i - 1].gbs);
        return points[i - 1].samples + part * (points[i].samples - points[i - 1].samples);
    }
    return NAN;
}
