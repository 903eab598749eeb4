/* One training step: is llama3.1-70b on 128 H100 faster with tensor parallelism over 8 chips or over 4? */
#include <stdio.h>

#include <superpod/predict.h>

int main(void)
{
    sp_error err = {0};
    sp_catalog *catalog;
    const sp_machine *machine;
    const sp_model *model;
    const char *path;
    sp_arena *arena = sp_arena_create();

    if (sp_catalog_open("catalog", &catalog, &err) != SP_OK || sp_catalog_machine(catalog, "dgx-h100:16", &machine, &err) != SP_OK ||
        sp_catalog_model_path(catalog, "llama3.1-70b", &path, &err) != SP_OK || sp_model_load(path, NULL, arena, &model, &err) != SP_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    static const char *const plans[] = {"tp=8 pp=4 dp=4 gbs=512 seq=8192", "tp=4 pp=8 dp=4 gbs=512 seq=8192"};
    for (int i = 0; i < 2; i++) {
        sp_plan plan = sp_plan_default();
        sp_train_report report;
        if (sp_plan_parse(plans[i], arena, &plan, &err) != SP_OK ||
            sp_predict_train(machine, model, &plan, true, arena, &report, NULL, &err) != SP_OK) {
            fprintf(stderr, "%s\n", err.text);
            return 2;
        }
        printf("%s\n  %.2f s a step, MFU %.1f %%, %.1f GB of %.0f GB a chip; %s\n", plans[i], report.step_time_s, 100 * report.mfu,
               report.mem_bytes_max / 1e9, report.mem_capacity_bytes / 1e9, report.limit);
    }
    sp_catalog_close(catalog);
    sp_arena_destroy(arena);
    return 0;
}
