/* A link between two network namespaces, with real packets.
 *
 *   emulator NAMESPACE DEVICE NAMESPACE DEVICE  SETTINGS(there)  SETTINGS(back)
 *
 * It makes a TUN device in each namespace, says `ready`, and carries what is written to one to the
 * other as engine.c decides, until its stdin ends: the devices are gone with it. On stdin it is told
 * `again` (counters and random numbers begin anew; it answers `ready`) and `report` (it answers with
 * one line of JSON). SETTINGS are eight numbers, in the order of struct way_settings.
 *
 * Belongs here: devices, the clock, the loop. Does not: what becomes of a packet (engine.c). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "emulator.h"

enum {
    LARGEST = 65536, /* bytes of a packet */
    IN_A_ROW = 32,   /* packets read from one device before the other has its turn */
    NUMBERS = 8,     /* of struct way_settings */
    PRIORITY = 1     /* SCHED_FIFO; where it is refused, -20 is asked for */
};
static const int64_t LATE = 1000000; /* nanoseconds after which a packet counts as late */

static struct way ways[WAYS];
static int device[WAYS]; /* packets read from device[w] take way w */
static int realtime;
static struct {
    uint64_t sent, late, no_room, refused;
    int64_t latest;
} told;

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void fail(const char *format, ...)
{
    va_list words;
    va_start(words, format);
    vfprintf(stderr, format, words);
    fprintf(stderr, ": %s\n", strerror(errno));
    exit(1);
}

static int64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* A TUN device belongs to the namespace in which it is opened. */
static int make_device(const char *namespace, const char *name)
{
    int there = open(namespace, O_RDONLY | O_CLOEXEC);
    if (there < 0 || setns(there, CLONE_NEWNET))
        fail("namespace %s", namespace);
    close(there);
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun < 0)
        fail("/dev/net/tun");
    struct ifreq wanted = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    strncpy(wanted.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(tun, TUNSETIFF, &wanted))
        fail("device %s", name);
    return tun;
}

static void read_settings(struct way *way, char **words)
{
    struct way_settings settings = {
        .rate = strtoull(words[0], NULL, 10),
        .delay = strtoll(words[1], NULL, 10),
        .queue = strtoull(words[2], NULL, 10),
        .loss = strtod(words[3], NULL),
        .enter = strtod(words[4], NULL),
        .leave = strtod(words[5], NULL),
        .burst_loss = strtod(words[6], NULL),
        .seed = strtoull(words[7], NULL, 10),
    };
    way_begin(way, &settings);
}

/* Wake up when it is time, and not when the scheduler finds it convenient. */
static void hurry(void)
{
    struct sched_param param = {.sched_priority = PRIORITY};
    realtime = !sched_setscheduler(0, SCHED_FIFO, &param);
    if (!realtime)
        setpriority(PRIO_PROCESS, 0, -20); /* without it the report shows how late packets are */
    prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
}

static void take(unsigned w)
{
    static unsigned char buffer[LARGEST];
    for (int i = 0; i < IN_A_ROW; i++) {
        ssize_t size = read(device[w], buffer, sizeof buffer);
        if (size <= 0)
            return;
        int64_t now = clock_now(), leaves = 0;
        struct flow *flow = flow_of(buffer, (size_t)size, w);
        enum fate fate = way_take(&ways[w], now, (uint32_t)size, &leaves);
        flow_took(flow, now, (size_t)size, fate);
        if (fate != DELIVERED)
            continue;
        flow_delivers(flow, leaves, (size_t)size);
        struct packet *packet = malloc(sizeof *packet + (size_t)size);
        if (!packet)
            fail("memory");
        packet->leaves = leaves;
        packet->way = w;
        packet->flow = flow;
        packet->size = (uint32_t)size;
        memcpy(packet->data, buffer, (size_t)size);
        if (!put_on_wire(packet)) {
            told.no_room++;
            free(packet);
        }
    }
}

static void release(void)
{
    struct packet *packet;
    int64_t late;
    while ((packet = next_to_leave()) && (late = clock_now() - packet->leaves) >= 0) {
        if (write(device[!packet->way], packet->data, packet->size) < 0)
            told.refused++;
        told.sent++;
        if (late > LATE)
            told.late++;
        if (late > told.latest)
            told.latest = late;
        take_off_wire();
    }
}

static void tell_way(const struct way *way)
{
    static const char *const names[FATES] = {"delivered", "queue_full", "lost", "lost_in_burst"};
    printf("{");
    for (int fate = 0; fate < FATES; fate++)
        printf("\"%s\":{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 "},", names[fate],
               way->packets[fate], way->bytes[fate]);
    double span = (double)(way->last - way->first);
    printf("\"seconds\":%.6f,\"queue_mean\":%.1f,\"queue_most\":%.1f}", span / 1e9,
           span > 0 ? way->queue_area / span : 0.0, way->queue_most);
}

static void report(void)
{
    printf("{\"ways\":[");
    tell_way(&ways[0]);
    printf(",");
    tell_way(&ways[1]);
    printf("],\"sent\":%" PRIu64 ",\"late\":%" PRIu64 ",\"latest\":%.6f,\"no_room\":%" PRIu64
           ",\"refused\":%" PRIu64 ",\"realtime\":%s,",
           told.sent, told.late, (double)told.latest / 1e9, told.no_room, told.refused,
           realtime ? "true" : "false");
    tell_flows();
    printf("}\n");
    fflush(stdout);
}

static void again(void)
{
    memset(&told, 0, sizeof told);
    forget_flows(clock_now());
    for (unsigned w = 0; w < WAYS; w++)
        way_again(&ways[w]);
    printf("ready\n");
    fflush(stdout);
}

/* Returns 0 when nobody is there who could ask any more. */
static int obey(void)
{
    char words[16];
    ssize_t size = read(STDIN_FILENO, words, sizeof words - 1);
    if (size <= 0)
        return 0;
    words[size] = 0;
    if (!strcmp(words, "report\n"))
        report();
    else if (!strcmp(words, "again\n"))
        again();
    return 1;
}

static void carry(void)
{
    struct pollfd files[WAYS + 1] = {
        {device[0], POLLIN, 0}, {device[1], POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    for (;;) {
        struct packet *next = next_to_leave();
        int64_t wait = next ? next->leaves - clock_now() : 0;
        if (wait < 0)
            wait = 0;
        struct timespec limit = {wait / 1000000000, wait % 1000000000};
        if (ppoll(files, WAYS + 1, next ? &limit : NULL, NULL) < 0 && errno != EINTR)
            fail("poll");
        for (unsigned w = 0; w < WAYS; w++)
            if (files[w].revents & POLLIN)
                take(w);
        release();
        if (files[WAYS].revents && !obey())
            return;
    }
}

int main(int count, char **words)
{
    if (count != 5 + WAYS * NUMBERS) {
        fprintf(stderr, "emulator: %d words\n", count);
        return 2;
    }
    for (unsigned w = 0; w < WAYS; w++) {
        device[w] = make_device(words[1 + 2 * w], words[2 + 2 * w]);
        read_settings(&ways[w], words + 5 + w * NUMBERS);
    }
    hurry();
    again();
    carry();
    return 0;
}
