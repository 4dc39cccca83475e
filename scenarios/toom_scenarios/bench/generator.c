/* The load of `toom bench server`: many connections, each asking again as soon as it is answered.
 *
 * It knows no protocol. Its input, on stdin, is for each connection what to say first and what to
 * ask; how answers are told apart is one of two framings. So the same program, with the same work
 * for each answer, loads Toom, Redis and the echo server that measures the program itself.
 *
 *   generator load FRAMING PORT CONNECTIONS DEPTH WARMUP SECONDS FLOODERS   prints one JSON object
 *   generator echo FRAMING PORT ASKED ANSWER                         answers for ever; ends on TERM
 *
 * FRAMING   length: 4 bytes, big-endian, then so much   lines: an answer is two lines (RESP)
 * stdin     of load, for each connection: 4 bytes length, first; 4 bytes length, question
 *           `first` must be answered by ONE answer, or is empty; native byte order
 * DEPTH     questions that are under way at once on a connection
 * FLOODERS  so many of the connections, the last ones, wait for no answer: they ask as fast as
 *           their socket takes it, and count for nothing but `flooded_per_second`
 * ASKED     bytes of a question; ANSWER: bytes of an answer
 *
 * Status: 0; 1 something broke (said on stderr).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "generator.h"

enum {
    CONNECTING = 64,   /* connections that are opened before the first is waited for */
    PREFACE = 5,       /* bytes that a Toom server says before its first answer */
    FLOOD = 1024,      /* questions that a flooder has at hand for one send */
    TICK = 100,        /* ms between two looks at the clock where nothing comes */
    GIVE_UP = 60       /* seconds without any answer */
};

struct connection {
    int handle;
    char *first, *question;
    uint32_t first_size, question_size;
    struct framing framing;
    uint64_t asked;        /* ns; when the questions under way were sent */
    unsigned under_way;
    int is_in;             /* `first` has been answered */
    int floods;
    uint32_t flooded_to;   /* a flooder: up to where its question has been sent */
};

enum phase { ENTERING, WARMING_UP, COUNTING, DONE };

struct run {
    struct connection *all;
    unsigned count, opened;
    unsigned out;          /* connections whose `first` waits for its answer */
    int poll;
    enum phase phase;
    uint64_t from, until;  /* ns; of the phase */
    double cpu;            /* seconds that this program had used when counting began */
};

static unsigned depth;
static uint64_t flooded;
static char buffer[BUFFER];

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("generator: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static uint64_t now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static void read_all(void *to, size_t size)
{
    if (fread(to, 1, size, stdin) != size)
        fail("the input is too short");
}

static char *read_text(uint32_t *size, unsigned times)
{
    read_all(size, sizeof *size);
    char *text = malloc((size_t)*size * times + 1);
    if (text == NULL)
        fail("no memory");
    read_all(text, *size);
    for (unsigned i = 1; i < times; i++)
        memcpy(text + (size_t)i * *size, text, *size);
    *size *= times;
    return text;
}

static void send_all(struct connection *c, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(c->handle, data, size, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            continue; /* a few hundred bytes: the kernel takes them soon */
        if (sent <= 0)
            fail("send: %s", strerror(errno));
        data += sent;
        size -= (size_t)sent;
    }
}

static void ask(struct connection *c)
{
    c->asked = now();
    c->under_way = depth;
    send_all(c, c->question, c->question_size);
}

static int open_connection(uint16_t port, unsigned number)
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in here = {.sin_family = AF_INET};
    int one = 1, handle = socket(AF_INET, SOCK_STREAM, 0);
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    /* Many connections want many addresses: 127.0.0.1, 127.0.0.2, ... */
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number / 10000);
    if (handle < 0 || bind(handle, (struct sockaddr *)&here, sizeof here) < 0 ||
        connect(handle, (struct sockaddr *)&there, sizeof there) < 0)
        fail("connection %u: %s", number, strerror(errno));
    setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return handle;
}

static double cpu_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void prepare(struct run *run, unsigned flooders)
{
    run->all = calloc(run->count, sizeof *run->all);
    run->poll = epoll_create1(0);
    if (run->all == NULL || run->poll < 0)
        fail("no memory");
    for (unsigned i = 0; i < run->count; i++) {
        struct connection *c = &run->all[i];
        c->floods = i + flooders >= run->count;
        c->first = read_text(&c->first_size, 1);
        c->question = read_text(&c->question_size, c->floods ? FLOOD : depth);
    }
}

/* Open some more connections; each says at once what comes first. */
static void open_more(struct run *run, uint16_t port)
{
    while (run->opened < run->count && run->out < CONNECTING) {
        struct connection *c = &run->all[run->opened];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        c->handle = open_connection(port, run->opened++);
        fcntl(c->handle, F_SETFL, O_NONBLOCK);
        epoll_ctl(run->poll, EPOLL_CTL_ADD, c->handle, &event);
        if (c->first_size > 0) {
            send_all(c, c->first, c->first_size);
            run->out++;
        } else
            c->is_in = 1;
    }
}

/* Everybody begins to ask; flooders hear of room in their sockets from now on. */
static void begin(struct run *run)
{
    for (unsigned i = 0; i < run->count; i++) {
        struct connection *c = &run->all[i];
        if (c->floods) {
            struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
            epoll_ctl(run->poll, EPOLL_CTL_MOD, c->handle, &event);
        } else
            ask(c);
    }
}

static void report(const struct run *run, uint64_t at)
{
    double wall = (double)(at - run->from) / 1e9;
    printf("{\"answers\": %" PRIu64 ", \"seconds\": %.6f, \"per_second\": %.1f, "
           "\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"flooded_per_second\": %.1f, "
           "\"cpu_share\": %.3f}\n",
           noted(), wall, (double)noted() / wall, quantile(0.5), quantile(0.99),
           (double)flooded / wall, (cpu_seconds() - run->cpu) / wall);
}

/* On to the next phase, when its time has come. */
static void advance(struct run *run, double warmup, double seconds)
{
    uint64_t at = now();
    if (run->phase == ENTERING && run->opened == run->count && run->out == 0) {
        run->phase = WARMING_UP;
        run->until = at + (uint64_t)(warmup * 1e9);
        begin(run);
    } else if (run->phase == WARMING_UP && at >= run->until) {
        run->phase = COUNTING;
        forget_all();
        flooded = 0;
        run->cpu = cpu_seconds();
        run->from = at;
        run->until = at + (uint64_t)(seconds * 1e9);
    } else if (run->phase == COUNTING && at >= run->until) {
        run->phase = DONE;
        report(run, at);
    }
}

static void flood(struct connection *c)
{
    ssize_t sent = send(c->handle, c->question + c->flooded_to, c->question_size - c->flooded_to,
                        MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (sent <= 0)
        fail("send: %s", strerror(errno));
    c->flooded_to = (c->flooded_to + (uint32_t)sent) % c->question_size;
}

/* Take what has come on a connection; whoever has all its answers asks again. */
static void take(struct run *run, struct connection *c)
{
    ssize_t size = recv(c->handle, buffer, sizeof buffer, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0)
        fail("the server has hung up");
    const char *data = buffer;
    if (!c->is_in && size >= PREFACE && memcmp(data, "TOOM", 4) == 0) {
        data += PREFACE;
        size -= PREFACE;
    }
    unsigned found = count_answers(&c->framing, data, (size_t)size);
    if (found == 0)
        return;
    if (!c->is_in) {
        c->is_in = 1;
        run->out--;
        return;
    }
    if (c->floods) {
        flooded += found;
        return;
    }
    note(now() - c->asked, found);
    if (found > c->under_way)
        fail("more answers than questions");
    if ((c->under_way -= found) == 0)
        ask(c);
}

static void load(uint16_t port, unsigned count, double warmup, double seconds, unsigned flooders)
{
    struct run run = {.count = count, .phase = ENTERING};
    struct epoll_event events[EVENTS];
    prepare(&run, flooders);
    for (;;) {
        if (run.phase == ENTERING)
            open_more(&run, port);
        advance(&run, warmup, seconds);
        if (run.phase == DONE)
            return;
        int ready = epoll_wait(run.poll, events, EVENTS,
                               run.phase == ENTERING ? GIVE_UP * 1000 : TICK);
        if (ready == 0 && run.phase == ENTERING)
            fail("no answer to what %u connections said first", run.out);
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & ~(uint32_t)EPOLLOUT)
                take(&run, c);
            if (events[i].events & EPOLLOUT)
                flood(c);
        }
    }
}

int main(int count, char **words)
{
    signal(SIGPIPE, SIG_IGN);
    if (count < 3)
        fail("see the head of generator.c");
    lines_framing = strcmp(words[2], "lines") == 0;
    if (strcmp(words[1], "load") == 0 && count == 9) {
        depth = (unsigned)atoi(words[5]);
        load((uint16_t)atoi(words[3]), (unsigned)atoi(words[4]), atof(words[6]), atof(words[7]),
             (unsigned)atoi(words[8]));
        return 0;
    }
    if (strcmp(words[1], "echo") == 0 && count == 6)
        echo((uint16_t)atoi(words[3]), (size_t)atol(words[4]), (size_t)atol(words[5]));
    fail("see the head of generator.c");
}
