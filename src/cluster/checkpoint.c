/* What a checkpoint costs: bytes of a chip's state over the machine's own bandwidths. Model page: checkpointing.md. */
#include "cluster_i.h"
#include "superpod/predict.h"

#include <math.h>

/* guess: a chip's share of its host's memory, PCIe 5.0 x16 of 64 GB/s a direction; no description holds host links. */
#define HOST_LINK_BYTES_PER_S 64e9
/* Llama 3 (arXiv 2407.21783): storage sustains 2 TB/s for 16,384 chips. */
#define STORAGE_BYTES_PER_S_CHIP (2e12 / 16384)

static const char *const place_names[SP_CKPT_PLACES] = {"local", "peer", "storage"};
const char *sp_ckpt_place_name(sp_ckpt_place place) { return (unsigned)place < SP_CKPT_PLACES ? place_names[place] : "?"; }

/* Optimizer state with the master weights is what cannot be computed again. Without ZeRO all replicas hold the same and each writes
 * its part. */
double sp_ckpt_state_bytes(const sp_train_report *report, const sp_plan *plan)
{
    double most = 0, copies = plan->zero == 0 ? (double)plan->dp * plan->cp : 1;
    for (uint32_t s = 0; s < report->n_stages; s++)
        if (report->memory[s].optimizer > most) most = report->memory[s].optimizer;
    return most / copies;
}

/* Of HBM, which is read while the host's memory is written. */
static double local_rate(const sp_machine *machine) { return fmin(machine->chip->mem_bw_bytes_per_s.nominal, HOST_LINK_BYTES_PER_S); }

/* Another rack's memory (another host's on machines of one rack), so that it outlives any part but the pod. */
static double peer_rate(const sp_machine *machine, const sp_cluster_shape *shape)
{
    uint32_t inner = shape->leaf_chips < shape->chips ? shape->leaf_chips : shape->row_chips;
    double fraction = machine->chip->payload_fraction.nominal > 0 ? machine->chip->payload_fraction.nominal : 1;
    return sp_i_rate_at(machine, inner < shape->chips ? inner + UINT64_C(1) : shape->chips) * fraction;
}

/* Of the step, by a copy in the background while it lasts: its part of the way out, as far as the step uses that, and of the memory. */
static double share_taken(const sp_machine *machine, double rate, double way_out)
{
    return fmin(1, SP_I_COMM_SHARE * rate / way_out + rate / machine->chip->mem_bw_bytes_per_s.nominal);
}

sp_status sp_ckpt_cost(const sp_machine *machine, sp_ckpt_place place, bool background, double state_bytes, double storage_bytes_per_s, sp_ckpt *out, sp_error *err)
{
    sp_cluster_shape shape;
    sp_status status = sp_cluster_shape_of(machine, &shape, err);
    if (status != SP_OK) return status;
    if (!(state_bytes >= 0 && state_bytes < 1e18) || !(storage_bytes_per_s >= 0))
        return sp_error_set(err, SP_E_INVAL, NULL, 0, 0, "%g bytes of state, storage at %g B/s; expected 0 or more", state_bytes, storage_bytes_per_s);
    double rate[SP_CKPT_PLACES] = {local_rate(machine), peer_rate(machine, &shape), STORAGE_BYTES_PER_S_CHIP};
    if (storage_bytes_per_s > 0) rate[SP_CKPT_STORAGE] = storage_bytes_per_s / machine->chips;
    double scale_out = machine->chip->scaleout_bw_bytes_per_s.nominal;
    if (scale_out > 0) rate[SP_CKPT_STORAGE] = fmin(rate[SP_CKPT_STORAGE], scale_out);
    double out_rate = scale_out > 0 ? scale_out : peer_rate(machine, &shape), copy_s = state_bytes / rate[place], snapshot_s = state_bytes / local_rate(machine);
    bool apart = background && place != SP_CKPT_LOCAL && copy_s > snapshot_s;
    double storage_s = place == SP_CKPT_STORAGE ? 0 : state_bytes / rate[SP_CKPT_STORAGE];
    *out = (sp_ckpt){.place = place, .state_bytes = state_bytes, .rate_bytes_per_s = rate[place], .block_s = apart ? snapshot_s : copy_s,
                     .drain_s = apart ? copy_s : 0, .read_s = copy_s, .storage_s = storage_s,
                     .drain_share = share_taken(machine, rate[place], place == SP_CKPT_PEER ? rate[place] : out_rate),
                     .storage_share = share_taken(machine, rate[SP_CKPT_STORAGE], out_rate)};
    return SP_OK;
}

bool sp_ckpt_outlives(sp_ckpt_place place, sp_fail_unit unit)
{
    switch (place) {
    case SP_CKPT_LOCAL: return unit == SP_FAIL_CHIP || unit >= SP_FAIL_ELECTRICAL_LINK;
    case SP_CKPT_PEER: return unit != SP_FAIL_POD;   /* the other rack is one behind another power distribution unit */
    default: return true;
    }
}

double sp_ckpt_stall_s(const sp_ckpt *ckpt) { return ckpt->block_s + ckpt->drain_share * ckpt->drain_s; }

/* A checkpoint that is still being copied is no checkpoint: the next begins when it has arrived. */
double sp_ckpt_interval_s(const sp_ckpt *ckpt, double mtbf_s) { return fmax(sp_cluster_interval(mtbf_s, sp_ckpt_stall_s(ckpt)), ckpt->drain_s); }
