/* The rows. An option's order here is its order in --help and in the man page. */
#include "options.h"

#include "cli.h"
#include "superpod/cluster.h"
#include "superpod/study.h"

#include <string.h>

#define V(name) (1u << CLI_V_##name)
#define V_ALL ((1u << CLI_V_N) - 1u)
#define V_TOLD (V_ALL & ~(V(DOCS) | V(VALIDATE) | V(CALIBRATE) | V(OPERATE) | V(PLACE) | V(CHECK_PLACEMENT) | V(SPARES) | V(DEFRAG)))
#define V_STEP (V(TRAIN) | V(PLAN))
#define V_STEPS (V_STEP | V(COMPARE))
#define V_FLOW (V(COLLECTIVE) | V(TRAFFIC))
#define FREE "Without it train takes 1 and plan searches."
#define AXES "parallel sizes, micro-batch; default: 1 in train (dp: the rest), free in plan"
#define WRITTEN "write the best plan; write a page to open in a browser"
#define PLACES "tiers of an axis, as tp=0,ep=0+1; axes from inside out, as tp,cp,dp,pp"
#define SEARCH "threads that price plans (1), plans to print (5)"
#define BATCH "sequences in one step, tokens in one sequence"
#define TIMES "years of 365 days to simulate (1); runs, each with a seed of its own (8)"
#define TOLD "events in SQLite, to go on from when stopped; picture over time; OpenMetrics"
#define STOPS "between checkpoints; to notice, decide, restart elsewhere, in place; to repair"
#define POLICIES "how jobs are placed (best); their order, and who may pass (easy)"
#define KEPT "power of the machine, 40MW; spare hosts, pod:16; moves worth RULE x their cost"
#define SWITCHES "urgent first; smaller plans; copies behind the work; no spares; no detours"
#define SIZE_MAX_BYTES (UINT64_C(1) << 60)   /* sizes stay exact in doubles and in JSON */

static const char *const show_actions[] = {"list", "show", "check", NULL};
static const char *const docs_actions[] = {"man", "completion-bash", "completion-zsh", "completion-fish", NULL};

static const char *objective_name(size_t index) { return index < SP_OBJECTIVES ? sp_objective_name((sp_objective)index) : NULL; }
static const char *equal_name(size_t index) { return index < SP_EQUALS ? sp_compare_equal_name((sp_compare_equal)index) : NULL; }
static const char *effort_name(size_t index) { return index < SP_EFFORTS ? sp_effort_name((sp_effort)index) : NULL; }
static const char *policy_name(size_t index) { return index < sp_place_n_policies ? sp_place_policies[index].name : NULL; }
static const char *queue_name(size_t index) { return index < SP_ORDERS ? sp_order_name((sp_order)index) : NULL; }
static const char *format_name(size_t index) { return index < SP_FMT_N ? sp_format_name((sp_format)index) : NULL; }
static const char *recompute_name(size_t index) { return index < SP_RECOMPUTES ? sp_recompute_name((sp_recompute)index) : NULL; }
static const char *schedule_name(size_t index) { return index < SP_SCHEDULES ? sp_schedule_name((sp_schedule)index) : NULL; }
static const char *algo_name(size_t index) { return index < sp_coll_n_algos ? sp_coll_algos[index].name : NULL; }

static const char *engine_name(size_t index) { return index == 0 ? "analytic" : index == 1 ? "flow" : NULL; }
static const char *routing_name(size_t index) { return index < SP_ROUTINGS ? sp_routing_name((sp_routing)index) : NULL; }

const cli_option cli_options[CLI_O_N] = {
    [CLI_O_GBS] = {"gbs", 0, CLI_COUNT, "N", NULL, 1, 1u << 30, V_STEPS, NULL,
        "global batch: sequences in one step", BATCH, "Without it the model's own, where its file states one; compare takes 64 Mi tokens from 4,096 chips on."},
    [CLI_O_SEQ] = {"seq", 0, CLI_COUNT, "N", NULL, 1, 1u << 30, V_STEPS | V(MODEL), NULL,
        "tokens in one sequence", BATCH, "Without it the model's own, where its file states one, else 4096."},
    [CLI_O_TP] = {"tp", 0, CLI_COUNT, "N", NULL, 1, 1u << 24, V_STEP, NULL, "tensor parallel size", AXES, FREE},
    [CLI_O_CP] = {"cp", 0, CLI_COUNT, "N", NULL, 1, 1u << 24, V_STEP, NULL, "context parallel size", AXES, FREE},
    [CLI_O_EP] = {"ep", 0, CLI_COUNT, "N", NULL, 1, 1u << 24, V_STEP, NULL, "expert parallel size", AXES, FREE},
    [CLI_O_ETP] = {"etp", 0, CLI_COUNT, "N", NULL, 1, 1u << 24, V_STEP, NULL, "tensor parallel size inside an expert", AXES, FREE},
    [CLI_O_PP] = {"pp", 0, CLI_COUNT, "N", NULL, 1, 512, V_STEP, NULL, "pipeline stages", AXES, FREE},
    [CLI_O_VPP] = {"vpp", 0, CLI_COUNT, "N", NULL, 1, 1u << 16, V_STEP, NULL,
        "model chunks a stage holds (interleaved schedule)", AXES, FREE},
    [CLI_O_DP] = {"dp", 0, CLI_COUNT, "N", NULL, 1, 1u << 24, V_STEP, NULL,
        "data parallel size; train: the most", AXES, "Without it train takes the most replicas that the chips hold and that share the batch evenly; plan searches."},
    [CLI_O_MBS] = {"mbs", 0, CLI_COUNT, "N", NULL, 1, 1u << 20, V_STEP, NULL, "sequences in one micro-batch", AXES, FREE},
    [CLI_O_ZERO] = {"zero", 0, CLI_COUNT, "0-3", NULL, 0, 3, V_STEP, NULL, "ZeRO stage: what data parallel ranks share out",
        NULL, "1: optimizer state; 2: gradients too; 3: weights too. Without it train takes 1 and plan searches."},
    [CLI_O_PRECISION] = {"precision", 0, CLI_CHOICE, "FORMAT", NULL, 0, 0, V_STEP, format_name,
        "number format of the matrix products", NULL,
        "Without it train and plan take the format that the model's weights were published in, if it has 8 bits and the chip multiplies it, "
        "else bf16; plan searches wider ones as well."},
    [CLI_O_RECOMPUTE] = {"recompute", 0, CLI_CHOICE, "WHAT", NULL, 0, 0, V_STEP, recompute_name,
        "activations computed again in the backward pass", NULL, "Without it train takes none and plan searches."},
    [CLI_O_SCHEDULE] = {"schedule", 0, CLI_CHOICE, "NAME", NULL, 0, 0, V_STEP, schedule_name, "pipeline schedule",
        NULL, "Without it train takes interleaved where --vpp is above 1, else 1f1b, and plan searches."},
    [CLI_O_PLACE] = {"place", 0, CLI_TEXT, "LIST", NULL, 0, 0, V_STEP, NULL, "tiers an axis may use, as tp=0,ep=0+1",
        PLACES, "Tier 0 is the innermost. An axis that is not named may use any tier."},
    [CLI_O_ORDER] = {"order", 0, CLI_TEXT, "LIST", NULL, 0, 0, V_STEP, NULL, "axes from the innermost outwards, as tp,cp,dp,pp",
        PLACES, NULL},
    [CLI_O_SET] = {"set", 0, CLI_TEXT, "WORDS", NULL, 0, 0, V_STEP | V(PLACE) | V(CHECK_PLACEMENT), NULL, "any field of a plan, as \"overlap-tp=yes recompute-layers=2\"",
        NULL, "The words are those of the plan that train prints; see docs/models/lowering.md."},
    [CLI_O_PLAN] = {"plan", 0, CLI_FILE_IN, "FILE", NULL, 0, 0, V(TRAIN) | V(PLACE) | V(CHECK_PLACEMENT), NULL,
        "read the plan from FILE, as written by plan --save", NULL, "Options given beside it replace what the file says."},
    [CLI_O_TOKENS] = {"tokens", 0, CLI_TEXT, "N", "10T", 0, 0, V(COMPARE) | V(PLAN), NULL,
        "tokens to train on, as 14.8T (in plan: by --deadline)", NULL, NULL},
    [CLI_O_EQUAL] = {"equal", 0, CLI_CHOICE, "WHAT", "none", 0, 0, V(COMPARE), equal_name,
        "size the machines to be equal in something", NULL,
        "All become like the first, or like the largest that the others' kinds allow; a kind grows through its family, or through the cluster "
        "that continues its pod."},
    [CLI_O_WEAK] = {"weak", 0, CLI_FLAG, NULL, NULL, 0, 0, V(COMPARE), NULL, "let the global batch grow with the chips", NULL, NULL},
    [CLI_O_BEST_PRECISION] = {"best-precision", 0, CLI_FLAG, NULL, NULL, 0, 0, V(COMPARE) | V(PLAN), NULL,
        "narrower formats too; in compare each machine its best", NULL, "Without it all use the one of the model's weights that all of them multiply, else bf16."},
    [CLI_O_AS_OF] = {"as-of", 0, CLI_TEXT, "DATE", NULL, 0, 0, V(COMPARE), NULL, "only machines that can be had then, as 2027Q4", NULL, NULL},
    [CLI_O_PRICES] = {"prices", 0, CLI_DIR, "DIR", NULL, 0, 0, V_STEPS, NULL, "prices of a folder, in place of catalog/prices", NULL,
        "running.yaml: electricity, lifetime and system_factor; systems.yaml: all-in dollars a chip, by machine; both as those of catalog/prices."},
    [CLI_O_ABLATE] = {"ablate", 0, CLI_FLAG, NULL, NULL, 0, 0, V(COMPARE), NULL, "what each layer of the stack contributes, from naive to tuned",
        NULL, NULL},
    [CLI_O_SENSITIVITY] = {"sensitivity", 0, CLI_FLAG, NULL, NULL, 0, 0, V(COMPARE), NULL, "the ten values that move the answers most", NULL, NULL},
    [CLI_O_CURVES] = {"curves", 0, CLI_FLAG, NULL, NULL, 0, 0, V(COMPARE), NULL, "throughput over chips, link bandwidth and FLOPS of a chip",
        NULL, "--html draws them and asks for them, --ablate and --sensitivity by itself."},
    [CLI_O_GOODPUT] = {"goodput", 0, CLI_FLAG, NULL, NULL, 0, 0, V(COMPARE), NULL, "useful tokens a day, after failures, beside the healthy ones", NULL,
        "Checkpoints to storage at the best interval, and chips that stand by for those that break; the causes and rates of Llama 3's training, per chip and host, "
        "unless --failures says others."},
    [CLI_O_OBJECTIVE] = {"objective", 0, CLI_CHOICE, "WHAT", "throughput", 0, 0, V(PLAN), objective_name,
        "what the best plan is best in", NULL, "chips: the fewest that meet --deadline."},
    [CLI_O_DEADLINE] = {"deadline", 0, CLI_TEXT, "TIME", NULL, 0, 0, V(PLAN), NULL,
        "time to train on --tokens in, as 30d; slower plans are refused", NULL, "Without --objective the fewest chips are sought then."},
    [CLI_O_EFFORT] = {"effort", 0, CLI_CHOICE, "HOW", "normal", 0, 0, V(PLAN) | V(COMPARE), effort_name,
        "how much of the space is searched", NULL,
        "quick takes few values an axis and one placement; normal all axes; exhaustive every order on the tiers, finer uneven stages, more "
        "schedules and micro-batches, in a minute or two at 8,192 chips. The answer is the best of what is searched, proven."},
    [CLI_O_THREADS] = {"threads", 0, CLI_COUNT, "N", NULL, 1, SP_THREADS_MAX, V(PLAN) | V(COMPARE) | V(OPERATE), NULL,
        "threads that price plans (1) or run seeds (all cores)", SEARCH, "The answer is the same on any number of threads, and of ranks: "
        "\"mpirun -n 8 superpod ...\" spreads plan and operate where superpod was built with MPI; a rank takes one thread then."},
    [CLI_O_TOP] = {"top", 0, CLI_COUNT, "K", "5", 1, 100, V(PLAN), NULL, "plans to print", SEARCH, NULL},
    [CLI_O_CHIPS] = {"chips", 0, CLI_COUNT, "N", NULL, 1, 1u << 24, V(PLAN), NULL, "chips to use; default: the whole machine", NULL, NULL},
    [CLI_O_BEGIN] = {"begin", 'b', CLI_SIZE, "SIZE", "8", 1, SIZE_MAX_BYTES, V(COLLECTIVE), NULL,
        "smallest buffer, as in nccl-tests (1K = 1024)", NULL, NULL},
    [CLI_O_END] = {"end", 'e', CLI_SIZE, "SIZE", "128M", 1, SIZE_MAX_BYTES, V(COLLECTIVE), NULL, "largest buffer", NULL, NULL},
    [CLI_O_FACTOR] = {"factor", 'f', CLI_COUNT, "N", "2", 2, 1u << 30, V(COLLECTIVE), NULL,
        "each size is N times the one before", NULL, NULL},
    [CLI_O_GROUP] = {"group", 0, CLI_TEXTS, "IDS", NULL, 0, 0, V(COLLECTIVE), NULL,
        "chips that take part, as 0-1023 or 0,8,16; default: all",
        NULL, "The set must be regular: equal runs at equal distances, nested as often as needed. Given again: several groups at once, "
        "which contend for what they share (flow engine)."},
    [CLI_O_ALGO] = {"algo", 0, CLI_CHOICE, "NAME", NULL, 0, 0, V(COLLECTIVE), algo_name,
        "algorithm; default: the fastest at each size", NULL, NULL},
    [CLI_O_STACK] = {"stack", 0, CLI_TEXT, "NAME", NULL, 0, 0, V(COLLECTIVE) | V_STEP, NULL,
        "communication library; default: that of the chip's vendor", NULL, "A file of stacks/ in the catalog, or ideal: no software at all."},
    [CLI_O_ENGINE] = {"engine", 0, CLI_CHOICE, "NAME", "analytic", 0, 0, V(COLLECTIVE), engine_name,
        "closed form (analytic) or max-min fair flows (flow)", NULL,
        "The flow engine runs the algorithm that the analytic one finds fastest, or the named one."},
    [CLI_O_ROUTING] = {"routing", 0, CLI_CHOICE, "NAME", "spray", 0, 0, V_FLOW, routing_name,
        "how flows choose among paths (flow engine)", NULL,
        "spray: evenly over all equal-cost paths; hash: one path drawn for each flow; d-mod-k: one path for each destination; detour: as "
        "spray, and on meshes also over all one-detours; weighted: as spray, and what a slow mesh link has lost goes over its detours; "
        "borrow: as spray, and on meshes also over one-detours that no flow of the list or collective asks for."},
    [CLI_O_FAIL] = {"fail", 0, CLI_TEXTS, "WHAT", NULL, 0, 0, V_FLOW | V(TRAIN), NULL,
        "what is dead, as \"link:0-3,17 links:100@7 switch:2 chip:5 board:2\"", NULL,
        "Links by the ids that results print, so many cables drawn from all by a seed (of a bundle of n, each takes 1/n of the rate), ports of a chip (port:5/0-3), switches, chips, racks, or all chips of units of a tier by its name. Routes go round; a pair that cannot be "
        "reached is an error. collective takes it with the flow engine; train prices its collectives by flows around it."},
    [CLI_O_SLOW] = {"slow", 0, CLI_TEXTS, "WHAT", NULL, 0, 0, V_FLOW | V(TRAIN), NULL,
        "what has part of its rate left, as \"link:0-3=0.5 chip:5=0.9\"", NULL, "collective takes it with the flow engine."},
    [CLI_O_SEED] = {"seed", 0, CLI_COUNT, "N", "1", 0, UINT32_MAX, V_FLOW | V(OPERATE), NULL, "seed of hash routing; the first of operate's seeds", NULL, NULL},
    [CLI_O_HEATMAP] = {"heatmap", 0, CLI_FILE_OUT, "FILE.svg", NULL, 0, 0, V_FLOW, NULL,
        "how busy links are, as a drawing (flow engine)", NULL, "Of the largest buffer. One map for each dim of meshes and tori and each tier of switches."},
    [CLI_O_ASSUME] = {"assume", 0, CLI_CHOICE, "FAMILY", NULL, 0, 0, V(MODEL) | V_STEPS, sp_model_family_name,
        "read a config.json of an unknown model_type as FAMILY", NULL, NULL},
    [CLI_O_TIMELINE] = {"timeline", 0, CLI_FILE_OUT, "FILE", NULL, 0, 0, V(TRAIN), NULL,
        "write a Chrome trace (chrome://tracing, Perfetto)", NULL, NULL},
    [CLI_O_SAVE] = {"save", 0, CLI_FILE_OUT, "FILE", NULL, 0, 0, V(PLAN), NULL, "write the best plan to FILE", WRITTEN, NULL},
    [CLI_O_HTML] = {"html", 0, CLI_FILE_OUT, "FILE", NULL, 0, 0, V_STEPS, NULL, "write a page to open in a browser", WRITTEN, NULL},
    [CLI_O_REPORT] = {"report", 0, CLI_FILE_OUT, "FILE", NULL, 0, 0, V(VALIDATE), NULL,
        "write the page FILE (.md) and its plots", NULL, "The plots are SVG files in the folder of the same name without .md."},
    [CLI_O_GOLDEN] = {"golden", 0, CLI_FILE_OUT, "FILE", NULL, 0, 0, V(VALIDATE), NULL,
        "write the scores by kind and class to FILE (CSV)", NULL, "Three digits, to be committed: a changed prediction shows as a changed line."},
    [CLI_O_ROWS] = {"rows", 0, CLI_FLAG, NULL, NULL, 0, 0, V(VALIDATE), NULL, "list every row, not scores alone", NULL, NULL},
    [CLI_O_JOBS] = {"jobs", 0, CLI_TEXT, "JOBS", "pretrain", 0, 0, V(OPERATE), NULL, "file, train:MODEL, one, pretrain, philly, acme, mix",
        NULL, "A file is a log in SWF, or a CSV. train: is a training as superpod predicts it: step, memory, state to save; words: chips=, plan=FILE (as of plan --save; without it a quick search), "
        "gbs=, seq=, tokens= or steps= (without them it outlives the time), count=; several are joined by \";\". The other names are generators; words follow a colon: \"philly:load=0.7,jobs=1M,run=2h,chips=512,users=20,priorities=3,slack=2\". one is a job that outlives the time "
        "and leaves 1/64 of the machine to stand by."},
    [CLI_O_MAP] = {"map", 0, CLI_TEXT, "LIST", NULL, 0, 0, V(OPERATE), NULL, "columns of a CSV, as submit=start,run=secs,chips=gpus",
        NULL, "Also estimate=, deadline=, priority= (larger first), user= and id=; and for trainings model=, plan= (a file or words as of --set), "
        "steps= or tokens=. Times are seconds."},
    [CLI_O_YEARS] = {"years", 0, CLI_TEXT, "N", "1", 0, 0, V(OPERATE), NULL, "time to simulate, in years of 365 days", TIMES, NULL},
    [CLI_O_SEEDS] = {"seeds", 0, CLI_COUNT, "N", "8", 1, 10000, V(OPERATE), NULL, "runs, each with a seed of its own", TIMES, NULL},
    [CLI_O_FAILURES] = {"failures", 0, CLI_TEXT, "NAME", "rsc-1", 0, 0, V(OPERATE) | V(SPARES) | V(COMPARE), NULL, "rates: a name of catalog/failures, a .yaml file, or none", NULL, "compare --goodput and --curves take llama3."},
    [CLI_O_POLICY] = {"policy", 0, CLI_CHOICE, "NAME", "best", 0, 0, V(OPERATE) | V(PLACE), policy_name, "how jobs are placed", POLICIES,
        "docs/models/placement.md describes them."},
    [CLI_O_QUEUE] = {"queue", 0, CLI_CHOICE, "NAME", "easy", 0, 0, V(OPERATE), queue_name, "order of jobs, and who may pass", POLICIES,
        "fifo: nobody passes. easy: others pass the first that does not fit unless they delay it. conservative: unless they delay anyone before "
        "them. priority, fair-share (who had least lately), deadline: that order, backfill as easy."},
    [CLI_O_SEGMENT] = {"segment", 0, CLI_COUNT, "N", NULL, 1, 1u << 24, V(PLACE) | V(OPERATE) | V(DEFRAG), NULL, "blocks of N chips, each in one rack (or whole racks)", NULL,
        "Of operate's jobs, those that are multiples of N ask for them; to mindcluster it is the sp-block."},
    [CLI_O_BLOCKS] = {"blocks", 0, CLI_COUNT, "N", "1", 1, 1u << 20, V(DEFRAG), NULL, "free blocks that are wanted", NULL, NULL},
    [CLI_O_MOVES] = {"plan", 0, CLI_FLAG, NULL, NULL, 0, 0, V(DEFRAG), NULL, "list the moves chip by chip, in the order in which they can be made", NULL,
        "Each has its place free when its turn comes, and what is free and spent after it."},
    [CLI_O_USED] = {"used", 0, CLI_TEXT, "IDS", NULL, 0, 0, V(PLACE), NULL, "chips that are taken or broken, as 0-63,72", NULL, NULL},
    [CLI_O_RUNNING] = {"running", 0, CLI_FILE_IN, "FILE", NULL, 0, 0, V(PLACE), NULL, "jobs that hold chips, and until when: lines \"NAME IDS [TIME]\"", NULL,
        "As \"j17 0-63,128 3h\". A job that does not fit is told when it will, as far as those times are known."},
    [CLI_O_NETWORK] = {"network", 0, CLI_MODEL, "MODEL", NULL, 0, 0, V(PLACE) | V(CHECK_PLACEMENT), NULL, "judge by the predicted step of MODEL under --plan or --set", NULL,
        "Without it the slowdown is that of a job of unknown model; see docs/models/placement.md."},
    [CLI_O_RECOVERY] = {"recovery", 0, CLI_FLAG, NULL, NULL, 0, 0, V(PLACE), NULL, "print what would follow each failure (--network)", NULL,
        "For each part that can fail and what stands by: the rung of the ladder that costs least until the repair, its plan, step and transition time."},
    [CLI_O_CHECKPOINT] = {"checkpoint", 0, CLI_TEXT, "WHERE", "30s", 0, 0, V(OPERATE), NULL, "local, peer, storage; or the time that one stops a job", NULL,
        "Where: the time follows from --state and the machine's own bandwidths; see docs/models/checkpointing.md. local is lost with the host, peer with the pod: jobs then go back to the last copy in storage."},
    [CLI_O_STATE] = {"state", 0, CLI_TEXT, "SIZE", "2GB", 0, 0, V(OPERATE), NULL, "state that a chip writes", NULL, "Llama 3: 1 MB to 4 GB of a GPU."},
    [CLI_O_INTERVAL] = {"interval", 0, CLI_TEXT, "TIME", NULL, 0, 0, V(OPERATE), NULL, "work between checkpoints; default: each job's best", STOPS, NULL},
    [CLI_O_DETECT] = {"detect", 0, CLI_TEXT, "TIME", "30s", 0, 0, V(OPERATE), NULL, "to notice a failure, or who does", STOPS,
        "A time for all, or a row of docs/models/recovery.md with times for parts, links and processes: mindcluster, heartbeat, watchdog, timeout."},
    [CLI_O_DECIDE] = {"decide", 0, CLI_TEXT, "TIME", "0s", 0, 0, V(OPERATE), NULL, "from the notice to the decision; 0s: a look-up", STOPS,
        "Where people decide what to do about a failure, minutes."},
    [CLI_O_RESTART] = {"restart", 0, CLI_TEXT, "TIME", "600s", 0, 0, V(OPERATE) | V(DEFRAG), NULL, "to restart on other chips", STOPS, NULL},
    [CLI_O_SWAP] = {"swap", 0, CLI_TEXT, "TIME", "60s", 0, 0, V(OPERATE), NULL, "to restart in place", STOPS,
        "In place: nothing broke for good, or a spare chip of the rack takes over."},
    [CLI_O_REPAIR] = {"repair", 0, CLI_TEXT, "TIME", NULL, 0, 0, V(OPERATE) | V(SPARES), NULL, "mean repair time, instead of the catalog's", STOPS, NULL},
    [CLI_O_POWER_CAP] = {"power-cap", 0, CLI_TEXT, "RULE", NULL, 0, 0, V(OPERATE), NULL, "power of the whole machine, as 40MW: no more chips run than it feeds", KEPT, NULL},
    [CLI_O_RESERVE] = {"reserve", 0, CLI_TEXT, "RULE", NULL, 0, 0, V(OPERATE), NULL, "spare hosts: so many of every rack, pod, or of the machine, as pod:16", KEPT,
        "No job is started on them. They take the place of failed ones where none is free in the pod, and for jobs that wait to run again."},
    [CLI_O_DEFRAG] = {"defrag", 0, CLI_TEXT, "RULE", "0", 0, 0, V(OPERATE), NULL, "move running jobs when what waits is worth so many times the moves", KEPT,
        "0: never. For the first that waits although as many chips are free: value is the chip-time until its block would come free by itself, cost the checkpoints and "
        "restarts of the jobs that move. Looked for every ten minutes."},
    [CLI_O_PREEMPT] = {"preempt", 0, CLI_FLAG, NULL, NULL, 0, 0, V(OPERATE), NULL, "jobs that do not fit stop less urgent ones (priority, deadline)", SWITCHES,
        "Those stopped write a checkpoint, for which the new job waits, and restart when their turn comes."},
    [CLI_O_REPLAN] = {"replan", 0, CLI_FLAG, NULL, NULL, 0, 0, V(OPERATE), NULL, "trainings that lose chips go on with the plan that costs least", SWITCHES,
        "Where nothing stands by: fewer replicas, or another plan on 3/4 or 1/2 of the chips, from a table computed ahead, if that costs less than to wait for the repair."},
    [CLI_O_BACKGROUND] = {"background", 0, CLI_FLAG, NULL, NULL, 0, 0, V(OPERATE), NULL, "checkpoints stop a job for a snapshot alone", SWITCHES,
        "The copy goes on behind the work and is of use when it has arrived."},
    [CLI_O_NO_SPARES] = {"no-spares", 0, CLI_FLAG, NULL, NULL, 0, 0, V(OPERATE), NULL, "do without the racks' spare chips", SWITCHES, NULL},
    [CLI_O_NO_REROUTE] = {"no-reroute", 0, CLI_FLAG, NULL, NULL, 0, 0, V(OPERATE), NULL, "jobs go back to their checkpoint when a link or switch dies", SWITCHES,
        "Else they go round it: the step in flight is done again, and they are slower until the link is back."},
    [CLI_O_ONLY] = {"only", 0, CLI_CHOICE, "PART", NULL, 0, 0, V(CALIBRATE), sp_study_fit_name, "fit one part alone", NULL, NULL},
    [CLI_O_LEAVE_OUT] = {"leave-out", 0, CLI_CHOICE, "WHAT", "group", 0, 0, V(CALIBRATE), sp_study_leave_name,
        "rows predicted by constants fitted without them", NULL,
        "group: one shape or sweep; source: one page or paper; class: one class of hardware. Sources and classes are listed, those first that the fit "
        "needs most, each with the constant that went furthest without it. Values written are the same; their intervals are of groups."},
    [CLI_O_CHECK] = {"check", 0, CLI_FLAG, NULL, NULL, 0, 0, V(CALIBRATE), NULL,
        "exit with 1 when the catalog is not what is fitted", NULL, "Files are compared to the byte."},
    [CLI_O_WRITE] = {"write", 0, CLI_DIR, "DIR", NULL, 0, 0, V(CALIBRATE), NULL, "write the catalog's files with the fitted values into DIR",
        NULL, "DIR may be the catalog itself. Only the lines of fitted constants change."},
    [CLI_O_LOG] = {"log", 0, CLI_FILE_OUT, "FILE", NULL, 0, 0, V(OPERATE), NULL, "keep every event and every run in FILE (SQLite)", TOLD,
        "The same command goes on from it after it was interrupted or killed: seeds that had ended are read, the one under way is run again and compared with "
        "its events. More --seeds add runs. View events has the names."},
    [CLI_O_SVG] = {"svg", 0, CLI_FILE_OUT, "FILE", NULL, 0, 0, V(OPERATE), NULL, "draw goodput and losses over time (SVG)", TOLD, NULL},
    [CLI_O_METRICS] = {"metrics", 0, CLI_FILE_OUT, "FILE", NULL, 0, 0, V(OPERATE), NULL, "write the figures of every seed as OpenMetrics text", TOLD, NULL},
    [CLI_O_SOURCES] = {"sources", 0, CLI_FLAG, NULL, NULL, 0, 0, V_TOLD, NULL,
        "list the values used with grade and source, guesses first", NULL, NULL},
    [CLI_O_EXPLAIN] = {"explain", 0, CLI_FLAG, NULL, NULL, 0, 0, V_ALL & ~(V(DOCS) | V(VALIDATE) | V(COMPARE) | V(CALIBRATE)), NULL,
        "print the tree of numbers that make the answer", NULL, NULL},
    [CLI_O_JSON] = {"json", 0, CLI_FLAG, NULL, NULL, 0, 0, V_ALL & ~V(DOCS), NULL, "print JSON (schemas in docs/schema)", NULL, NULL},
    [CLI_O_CATALOG] = {"catalog", 0, CLI_DIR, "DIR", NULL, 0, 0, V_ALL & ~V(DOCS), NULL,
        "catalog of chips, machines and models",
        NULL, "Without it $SUPERPOD_CATALOG, else the catalog of the source tree that superpod was built from, else the installed one."},
    [CLI_O_QUIET] = {"quiet", 'q', CLI_FLAG, NULL, NULL, 0, 0, V_ALL, NULL, "no progress; list prints bare names", NULL, NULL},
    [CLI_O_NO_COLOR] = {"no-color", 0, CLI_FLAG, NULL, NULL, 0, 0, V_ALL, NULL, "no colour, even on a terminal",
        NULL, "Setting NO_COLOR in the environment does the same."},
    [CLI_O_HELP] = {"help", 'h', CLI_FLAG, NULL, NULL, 0, 0, V_ALL, NULL, "print this help", NULL, NULL},
    [CLI_O_VERSION] = {"version", 0, CLI_FLAG, NULL, NULL, 0, 0, V_ALL, NULL, "print the version", NULL, NULL},
};

const cli_verb cli_verbs[CLI_V_N] = {
    [CLI_V_MACHINE] = {"machine", "SuperPoDs and clusters: list, show, check", show_actions, {{CLI_MACHINE, "MACHINE"}}, 1,
        "A MACHINE is a name of the catalog (\"atlas-950-superpod\", or with a size \"dgx-h100:128\"), a .yaml file, or a "
        "one-line string such as \"mesh:8@56GB/s,200ns clos:128@224GB/s,1us,taper=1 chip=ascend-950dt\".\n\n"
        "show counts everything from the description: chips, links, peak rates, memory, injection and bisection bandwidth, "
        "diameter, power. check tests every invariant, ports against the chip's ports among them, and exits with 1 when one "
        "fails; without MACHINE it checks the whole catalog.",
        {"superpod machine show atlas-950-superpod", "superpod machine check atlas-950-superpod --sources",
         "superpod machine show \"mesh:8@56GB/s,200ns clos:128@224GB/s,1us chip=ascend-950dt\""},
        false, cli_cmd_machine},
    [CLI_V_CHIP] = {"chip", "accelerator chips: list, show, check", show_actions, {{CLI_CHIP, "CHIP"}}, 1,
        "A CHIP is a name of the catalog or a .yaml file. check without CHIP checks the whole catalog.",
        {"superpod chip list", "superpod chip show ascend-950dt --sources"}, false, cli_cmd_chip},
    [CLI_V_MODEL] = {"model", "neural networks: list, show, check", show_actions, {{CLI_MODEL, "MODEL"}}, 1,
        "A MODEL is a name of the catalog, a catalog file, or a Hugging Face config.json as published. show counts "
        "parameters from the shapes. check exits with 1 when they differ from the published number by more than 1 %; without "
        "MODEL it checks the whole catalog.",
        {"superpod model show deepseek-v3 --seq 4096", "superpod model show ./config.json --assume llama"},
        false, cli_cmd_model},
    [CLI_V_COLLECTIVE] = {"collective", "time of one collective operation, by size", NULL,
        {{CLI_MACHINE, "MACHINE"}, {CLI_OPERATION, "OP"}}, 2,
        "Prices OP over a group of chips for buffers from -b to -e, with the best algorithm of each size or a named one. "
        "Sizes, algorithm bandwidth and bus bandwidth are those of nccl-tests. The lower bound is one that no algorithm can "
        "beat on this machine.",
        {"superpod collective atlas-950-superpod all-reduce -b 1K -e 1G -f 4",
         "superpod collective dgx-h100:16 all-to-all --group 0-63 --algo direct",
         "superpod collective atlas-950-supercluster all-reduce -b 1G -e 1G --engine flow"}, false, cli_cmd_collective},
    [CLI_V_TRAFFIC] = {"traffic", "times of a list of flows on a machine", NULL, {{CLI_MACHINE, "MACHINE"}, {CLI_FILES, "FLOWS.csv"}}, 2,
        "Runs flows between chips with max-min fair shares of every link and prints when each ends, a bound that no sharing can beat, "
        "and the busiest link.\n\n"
        "FLOWS.csv has the columns id, src, dst, bytes, and may have after (the id of the flow that must have ended before) and start_s "
        "(not before). Rates are payload rates. A row with compute_s sends nothing: its chip computes for so many seconds, one thing at a time.\n\n"
        "MACHINE may be any graph: a file that ends in .graphml (edges with keys named bandwidth and latency), or in .edges, a line for each "
        "edge: NODE NODE RATE [LATENCY] [one-way], as \"a b 50GB/s 0.5us\". src and dst are then names of nodes, and --fail takes link:IDS and "
        "node:IDS.",
        {"superpod traffic cloudmatrix-384 examples/flows.csv", "superpod traffic atlas-950-superpod examples/flows.csv --routing detour --fail chip:5",
         "superpod traffic ring.graphml flows.csv --routing weighted"},
        false, cli_cmd_traffic},
    [CLI_V_TRAIN] = {"train", "one training step of a plan", NULL, {{CLI_MACHINE, "MACHINE"}, {CLI_MODEL, "MODEL"}}, 2,
        "Lowers the model under the plan to a program of compute and communication, runs it, and prints step time, "
        "throughput, MFU, memory of each stage and where the time goes.",
        {"superpod train atlas-950-superpod deepseek-v3 --gbs 15360 --ep 64 --pp 16 --recompute full"},
        false, cli_cmd_train},
    [CLI_V_PLAN] = {"plan", "search for the best training plan", NULL, {{CLI_MACHINE, "MACHINE"}, {CLI_MODEL, "MODEL"}}, 2,
        "Searches parallel sizes, the way of context parallelism, ZeRO, recomputation, micro-batch, precision, schedule, uneven stages, what "
        "traffic is hidden and the placement on the tiers; prices every plan that fits, simulates the best, and prints them. Collectives take "
        "the fastest algorithm each. What is given is kept. Not searched: what the job is (--set expert-load, lora-rank), what its software "
        "does (--set unfused-attention, blocking-sends, software), the library of collectives (--stack), and the tiers of other axes than the pipeline (--place).",
        {"superpod plan atlas-950-superpod deepseek-v3 --gbs 15360 --seq 4096 --html report.html"}, false, cli_cmd_plan},
    [CLI_V_COMPARE] = {"compare", "one model on several machines, and where one reaches another", NULL,
        {{CLI_MODEL, "MODEL"}, {CLI_MACHINES, "MACHINE"}}, 2,
        "Searches the best plan on each MACHINE and prints them side by side: throughput in all, a chip, a rack, a watt and a dollar, days and "
        "cost of a training. Model, tokens, global batch (within an eighth, so that it divides among the chips) and number format are held "
        "equal. Every uncertain value of the catalog is carried: results are printed with the 5 % and 95 % quantiles of samples.\n\n"
        "The break-evens say with how many times the chips, and with links how many times as fast, the first machine reaches each of the "
        "others. docs/models/compare.md says how.",
        {"superpod compare deepseek-v3 atlas-950-superpod gb300-nvl72 --equal chips",
         "superpod compare deepseek-v3 atlas-950-superpod vr-nvl72 --as-of 2026Q4 --sensitivity",
         "superpod compare llama3.1-405b atlas-950-superpod dgx-h100:1024 --html page.html"}, false, cli_cmd_compare},
    [CLI_V_OPERATE] = {"operate", "jobs and failures for years of virtual time", NULL, {{CLI_MACHINE, "MACHINE"}}, 1,
        "Runs jobs on the machine while parts of it fail and are repaired, and prints where the chip-time went: useful work, and losses that "
        "sum to 1 with it. Jobs come from a log or a generator, wait in a queue, are placed, write checkpoints, are broken by failures, restart "
        "from the last checkpoint on a spare, other chips, or back in the queue.\n\n"
        "Several runs with seeds of their own give 95 % intervals. The same seed gives the same bits. docs/models/failures.md, "
        "checkpointing.md, placement.md and recovery.md say what is modelled and what is not.",
        {"superpod operate atlas-950-supercluster --years 1 --seeds 8", "superpod operate dgx-h100:128 --jobs log.swf --queue easy --failures llama3"}, false, cli_cmd_operate},
    [CLI_V_PLACE] = {"place", "chips for one job, and how fast it runs there", NULL, {{CLI_MACHINE, "MACHINE"}, {CLI_TEXT, "CHIPS"}}, 2,
        "Places a job of CHIPS chips on the machine, of which --used are taken, and prints hosts, chips in the order of ranks, and the "
        "slowdown against the ideal placement. Exits with 1 and the reason when the job does not fit.",
        {"superpod place atlas-950-superpod 1024 --used 0-100,640",
         "superpod place atlas-950-superpod 512 --network llama3-70b --set \"tp=8 dp=64 gbs=512\""}, false, cli_cmd_place},
    [CLI_V_CHECK_PLACEMENT] = {"check-placement", "any manager's placement, checked", NULL, {{CLI_MACHINE, "MACHINE"}, {CLI_TEXT, "CHIPS"}, {CLI_TEXT, "IDS"}}, 3,
        "IDS are CHIPS chips, or as many hosts as hold CHIPS chips, as 0-63,72. Prints whether racks are whole, the block is aligned, each "
        "rack's share is a full mesh, how many spare chips stand by in those racks, and the slowdown; on a torus, whether they are a box or whole "
        "cubes, and joined. Exits with 1 when the job's chips are not in whole racks, or no full mesh in a rack; on a torus, no box.",
        {"superpod check-placement atlas-950-superpod 128 0-15"}, false, cli_cmd_check_placement},
    [CLI_V_SPARES] = {"spares", "availability against spares and repair time", NULL, {{CLI_MACHINE, "MACHINE"}}, 1,
        "Prints with which probability racks, pods and the machine are whole, with 0, 1 and 2 spare chips a rack, and how many spare chips in a "
        "common pool make the pod and the machine whole 99.9 % of the time. The rates are those of --failures, all classes that take chips out.",
        {"superpod spares atlas-950-supercluster --repair 4h"}, false, cli_cmd_spares},
    [CLI_V_DEFRAG] = {"defrag", "moves of jobs that free whole racks", NULL, {{CLI_MACHINE, "MACHINE"}, {CLI_FILE_IN, "LIST"}}, 2,
        "Reads which job has which chips (a line \"NAME IDS\" each, as \"j17 0-63,128\") and prints the moves after which --blocks blocks of --segment chips, whole "
        "racks of one pod each, are free: each time the racks whose emptying disturbs the fewest chips of jobs. The cost is that of a checkpoint "
        "and a restart of the jobs that move. It never acts: --plan lists what an operator would do, move by move. Exits with 1 when the moves do not suffice.",
        {"superpod defrag atlas-950-superpod jobs.txt --segment 512 --blocks 4", "superpod defrag atlas-950-superpod jobs.txt --segment 512 --plan"}, false, cli_cmd_defrag},
    [CLI_V_VALIDATE] = {"validate", "predictions against published measurements", NULL, {{CLI_FILES, "FILE.csv"}}, 1,
        "Predicts every row of tables of measurements (training, MLPerf, collectives, kernels; told apart by their columns) from "
        "its configuration columns alone, and prints how far off the predictions are: median and 90th percentile of the absolute "
        "error, and the bias of the time (+: too slow), by kind, class of hardware and source.\n\n"
        "Rows that cannot be expressed are listed with the reason. Rows with secondary evidence, and training rows that do not "
        "state their recomputation, are also reported apart. Columns and rules: docs/models/validation.md.",
        {"superpod validate validation/*.csv", "superpod validate validation/training.csv --rows",
         "superpod validate validation/*.csv --report docs/validation.md", "superpod validate validation/*.csv --golden scores.csv"}, false, cli_cmd_validate},
    [CLI_V_CALIBRATE] = {"calibrate", "constants of the catalog, fitted to measurements", NULL, {{CLI_ANY_FILES, "FILE.csv"}}, 1,
        "Fits constants of chip families, communication libraries and software product lines to tables of measurements (kernels, "
        "collectives, training steps, layouts; told apart by their columns), prints each with the number of rows that depend on it, "
        "its error, and the error when groups of rows are left out of the fit and predicted. Without FILE.csv: kernels.csv, "
        "collectives.csv and training.csv of the folder validation beside the catalog.\n\n"
        "The same tables give the same constants, whatever the catalog holds. Method: docs/models/calibration.md.",
        {"superpod calibrate --check", "superpod calibrate --write catalog", "superpod calibrate layouts.csv --only layouts"}, false,
        cli_cmd_calibrate},
    [CLI_V_DOCS] = {"docs", "man pages and shell completion, from the option table", docs_actions, {{CLI_PAGE, "PAGE"}}, 1,
        "man prints the page named (superpod, superpod-train, ...); completion-SHELL prints a completion script.",
        {"superpod docs man superpod-train"}, true, cli_cmd_docs},
};

void cli_verb_operands(const cli_verb *verb, const char *action, uint32_t *least, uint32_t *most)
{
    *least = *most = verb->n_operands;
    if (verb->n_operands != 0 && cli_kind_repeats(verb->operand[verb->n_operands - 1].kind)) *most = CLI_OPERANDS_GIVEN;
    if (verb->operand[0].kind == CLI_ANY_FILES) *least = 0;
    if (action == NULL) return;
    if (strcmp(action, "list") == 0 || strncmp(action, "completion-", 11) == 0) *least = *most = 0;
    if (strcmp(action, "check") == 0) *least = 0;
}
