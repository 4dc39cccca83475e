/* What each flow got: packets, bytes and losses, and bytes in each tenth of a second. A flow is the
 * packets of one way with the same protocol, addresses and ports (IPv4); all others are one flow. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "emulator.h"

enum {
    MOST = 256,   /* flows; more share the last one */
    BINS = 36000, /* tenths of a second: an hour; what comes later counts in the last */
    KEY = 14      /* way, protocol, two addresses, two ports */
};
static const int64_t BIN = 100000000; /* nanoseconds */

struct flow {
    unsigned char key[KEY];
    uint64_t packets[FATES], bytes[FATES];
    int64_t first, last;
    size_t largest;
    uint32_t bins[BINS];
    int last_bin;
};

static struct flow flows[MOST], *recent;
static unsigned count;
static int64_t began;

void forget_flows(int64_t now)
{
    memset(flows, 0, count * sizeof *flows);
    count = 0;
    recent = NULL;
    began = now;
}

static void read_key(unsigned char *key, const unsigned char *packet, size_t size, unsigned way)
{
    memset(key, 0, KEY);
    key[0] = (unsigned char)way;
    if (size < 20 || packet[0] >> 4 != 4)
        return;
    size_t header = (packet[0] & 15u) * 4u;
    key[1] = packet[9];
    memcpy(key + 2, packet + 12, 8);
    if ((key[1] == IPPROTO_TCP || key[1] == IPPROTO_UDP) && size >= header + 4)
        memcpy(key + 10, packet + header, 4);
}

struct flow *flow_of(const unsigned char *packet, size_t size, unsigned way)
{
    unsigned char key[KEY];
    read_key(key, packet, size, way);
    if (recent && !memcmp(recent->key, key, KEY))
        return recent;
    for (unsigned i = 0; i < count; i++)
        if (!memcmp(flows[i].key, key, KEY))
            return recent = &flows[i];
    if (count == MOST)
        return recent = &flows[MOST - 1];
    recent = &flows[count++];
    memcpy(recent->key, key, KEY);
    recent->first = -1;
    return recent;
}

void flow_took(struct flow *flow, int64_t now, size_t size, enum fate fate)
{
    if (flow->first < 0)
        flow->first = now;
    flow->last = now;
    if (size > flow->largest)
        flow->largest = size;
    flow->packets[fate]++;
    flow->bytes[fate] += size;
}

void flow_delivers(struct flow *flow, int64_t at, size_t size)
{
    int64_t bin = at > began ? (at - began) / BIN : 0;
    if (bin >= BINS)
        bin = BINS - 1;
    flow->bins[bin] += (uint32_t)size;
    if (bin > flow->last_bin)
        flow->last_bin = (int)bin;
}

static void tell_flow(const struct flow *flow)
{
    char source[INET_ADDRSTRLEN], destination[INET_ADDRSTRLEN];
    const unsigned char *k = flow->key;
    inet_ntop(AF_INET, k + 2, source, sizeof source);
    inet_ntop(AF_INET, k + 6, destination, sizeof destination);
    printf("{\"way\":%u,\"protocol\":%u,\"source\":\"%s\",\"source_port\":%u,"
           "\"destination\":\"%s\",\"destination_port\":%u,\"first\":%.6f,\"last\":%.6f,"
           "\"largest\":%zu",
           k[0], k[1], source, k[10] << 8 | k[11], destination, k[12] << 8 | k[13],
           (double)flow->first / 1e9, (double)flow->last / 1e9, flow->largest);
    printf(",\"packets\":[%" PRIu64, flow->packets[0]);
    for (int fate = 1; fate < FATES; fate++)
        printf(",%" PRIu64, flow->packets[fate]);
    printf("],\"bytes\":[%" PRIu64, flow->bytes[0]);
    for (int fate = 1; fate < FATES; fate++)
        printf(",%" PRIu64, flow->bytes[fate]);
    printf("],\"tenths\":[%" PRIu32, flow->bins[0]);
    for (int bin = 1; bin <= flow->last_bin; bin++)
        printf(",%" PRIu32, flow->bins[bin]);
    printf("]}");
}

void tell_flows(void)
{
    printf("\"began\":%.6f,\"flows\":[", (double)began / 1e9);
    for (unsigned i = 0; i < count; i++) {
        if (i)
            printf(",");
        tell_flow(&flows[i]);
    }
    printf("]");
}
