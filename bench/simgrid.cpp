// The peer of bench-flow: the same workloads on SimGrid (S4U; model CM02 without TCP factors, so pure max-min). Built where
// libsimgrid-dev is installed. Prints the simulated seconds.
//
// bench-simgrid star|tree|mesh N ring|all-to-all|permutation [FLOWS]   FLOWS: "src dst bytes" lines
#include <simgrid/s4u.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace s4u = simgrid::s4u;

static const double rate = 50e9, hop_s = 0.5e-6, ring_bytes = 1073741824.0;
static const uint64_t pair_bytes = 1048576;
static std::vector<s4u::Host*> hosts;

static s4u::LinkInRoute make_link(s4u::NetZone* zone, const std::string& name)
{
    return {zone->create_split_duplex_link(name, rate)->set_latency(hop_s), s4u::LinkInRoute::Direction::UP};
}

static void build_star(int n)
{
    auto* zone = s4u::create_star_zone("star");
    for (int i = 0; i < n; i++) {
        hosts.push_back(zone->create_host("h" + std::to_string(i), 1e9));
        zone->add_route(hosts[i]->get_netpoint(), nullptr, nullptr, nullptr, {make_link(zone, "l" + std::to_string(i))}, true);
    }
    zone->seal();
}

static int mesh_width(int n)
{
    int x = 1;
    while (x * x < n)
        x *= 2;
    return x;
}

// One link for each pair of a row or a column.
static void build_mesh(int n)
{
    int x = mesh_width(n);
    auto* zone = s4u::create_full_zone("mesh");
    for (int i = 0; i < n; i++)
        hosts.push_back(zone->create_host("h" + std::to_string(i), 1e9));
    for (int a = 0; a < n; a++)
        for (int b = a + 1; b < n; b++)
            if (a / x == b / x || a % x == b % x)
                zone->add_route(hosts[a]->get_netpoint(), hosts[b]->get_netpoint(), nullptr, nullptr,
                                {make_link(zone, "l" + std::to_string(a) + "_" + std::to_string(b))}, true);
    zone->seal();
}

// Hosts an edge switch, edges a pod, pods: non-blocking, paths by D-mod-K.
static void build_tree(int n)
{
    static const unsigned shapes[][4] = {{128, 4, 4, 8}, {1024, 8, 8, 16}, {8192, 16, 16, 32}, {16384, 32, 32, 16}};
    const unsigned* shape = nullptr;
    for (auto& s : shapes)
        shape = s[0] == static_cast<unsigned>(n) ? s : shape;
    if (!shape) {
        std::fprintf(stderr, "bench-simgrid: no tree of %d hosts\n", n);
        std::exit(2);
    }
    s4u::FatTreeParams params(3, {shape[1], shape[2], shape[3]}, {1, shape[1], shape[2]}, {1, 1, 1});
    hosts.resize(n);
    auto make_host = [](s4u::NetZone* zone, const std::vector<unsigned long>&, unsigned long id)
        -> std::pair<simgrid::kernel::routing::NetPoint*, simgrid::kernel::routing::NetPoint*> {
        hosts[id] = zone->create_host("h" + std::to_string(id), 1e9);
        hosts[id]->seal();
        return {hosts[id]->get_netpoint(), nullptr};
    };
    s4u::create_fatTree_zone("tree", nullptr, params, {make_host, nullptr, nullptr}, rate, hop_s, s4u::Link::SharingPolicy::SPLITDUPLEX)->seal();
}

// Rows there and back on the mesh, so that each hop is one link.
static s4u::Host* ring_host(bool snake, int n, int k)
{
    int x = mesh_width(n), row = k / x, column = k % x;
    return hosts[snake ? row * x + (row % 2 ? x - 1 - column : column) : k];
}

static void ring(bool snake, int n)
{
    static std::vector<s4u::Mailbox*> box;
    for (int i = 0; i < n; i++)
        box.push_back(s4u::Mailbox::by_name("m" + std::to_string(i)));
    for (int k = 0; k < n; k++)
        s4u::Actor::create("rank", ring_host(snake, n, k), [k, n]() {
            static int token;
            int* in;
            for (int step = 0; step < 2 * (n - 1); step++) {
                auto receive = box[k]->get_async<int>(&in);
                auto send = box[(k + 1) % n]->put_async(&token, static_cast<uint64_t>(ring_bytes / n));
                receive->wait();
                send->wait();
            }
        });
}

// One mailbox a pair: open host-to-host communications cost SimGrid a search each.
static void all_to_all(int n)
{
    for (int i = 0; i < n; i++)
        s4u::Actor::create("rank", hosts[i], [i, n]() {
            static int token;
            std::vector<int*> in(n);
            std::vector<s4u::CommPtr> open;
            for (int s = 1; s < n; s++) {
                int to = (i + s) % n, from = (i - s + n) % n;
                open.push_back(s4u::Mailbox::by_name(std::to_string(i) + "_" + std::to_string(to))->put_async(&token, pair_bytes));
                open.push_back(s4u::Mailbox::by_name(std::to_string(from) + "_" + std::to_string(i))->get_async<int>(&in[from]));
            }
            for (auto& comm : open)
                comm->wait();
        });
}

static void permutation(const char* path)
{
    s4u::Actor::create("all", hosts[0], [path]() {
        std::ifstream file(path);
        std::vector<s4u::CommPtr> open;
        int src, dst;
        uint64_t bytes;
        while (file >> src >> dst >> bytes)
            open.push_back(s4u::Comm::sendto_async(hosts[src], hosts[dst], bytes));
        for (auto& comm : open)
            comm->wait();
    });
}

int main(int argc, char** argv)
{
    std::vector<std::string> words{argv[0],
                                   "--log=root.thres:error",
                                   "--cfg=network/model:CM02",
                                   "--cfg=network/crosstraffic:0",
                                   "--cfg=network/TCP-gamma:1e18",
                                   "--cfg=network/bandwidth-factor:1",
                                   "--cfg=network/latency-factor:1",
                                   "--cfg=network/weight-S:0",
                                   "--cfg=contexts/stack-size:64",
                                   "--cfg=contexts/guard-size:0"};
    std::vector<char*> args;
    for (auto& word : words)
        args.push_back(word.data());
    int n_args = static_cast<int>(args.size());
    args.push_back(nullptr);
    s4u::Engine engine(&n_args, args.data());
    if (argc < 4 || (std::strcmp(argv[3], "permutation") == 0 && argc < 5)) {
        std::fprintf(stderr, "bench-simgrid star|tree|mesh N ring|all-to-all|permutation [FLOWS]\n");
        return 2;
    }
    int n = std::atoi(argv[2]);
    bool mesh = std::strcmp(argv[1], "mesh") == 0;
    if (mesh)
        build_mesh(n);
    else if (std::strcmp(argv[1], "tree") == 0)
        build_tree(n);
    else
        build_star(n);
    if (std::strcmp(argv[3], "ring") == 0)
        ring(mesh, n);
    else if (std::strcmp(argv[3], "all-to-all") == 0)
        all_to_all(n);
    else
        permutation(argv[4]);
    engine.run();
    std::printf("%.17g\n", s4u::Engine::get_clock());
    std::fflush(stdout);
    std::_Exit(0);   // tearing down takes longer than some of the runs
}
