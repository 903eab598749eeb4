/* Who notices a failure, and after how long: rows of a table. */
#include "superpod/cluster.h"

#include <string.h>

/* Parts that are out, links and switches, processes that died of something else. */
const sp_detector sp_detectors[] = {
    {"mindcluster", "nodes report every 5 s, gateways are checked every 2.5 s", 5, 2.5, 5},   /* Ascend/mind-cluster NodeD; processes: guess, with the node's report */
    {"heartbeat", "a silent node after 300 s (Slurm's default); the rest by the timeout of a collective", 300, 1800, 1800},   /* SlurmdTimeout */
    {"watchdog", "a watchdog on collectives: 6 min", 360, 360, 360},   /* MindCluster's documents */
    {"timeout", "nobody but the default timeout of a collective: 30 min", 1800, 1800, 1800},   /* the same */
};
const size_t sp_n_detectors = sizeof sp_detectors / sizeof *sp_detectors;

const sp_detector *sp_detector_find(const char *name)
{
    for (size_t i = 0; i < sp_n_detectors; i++)
        if (strcmp(name, sp_detectors[i].name) == 0) return &sp_detectors[i];
    return NULL;
}

void sp_detector_use(const sp_detector *detector, sp_operation *operation)
{
    operation->detect_s = detector->part_s;
    operation->link_detect_s = detector->link_s;
    operation->process_detect_s = detector->process_s;
}
