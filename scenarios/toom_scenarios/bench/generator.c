/* The load of `toom bench server`: many connections, each asking again as soon as it is answered.
 *
 * It knows no protocol. Its input, on stdin, is for each connection what to say first and what to
 * ask; how answers are told apart is one of two framings. So the same program, with the same work
 * for each answer, loads Toom, Redis and the echo server that measures the program itself.
 *
 *   generator load FRAMING PORT CONNECTIONS DEPTH WARMUP SECONDS      prints one JSON object
 *   generator echo FRAMING PORT ASKED ANSWER                         answers for ever; ends on TERM
 *
 * FRAMING   length: 4 bytes, big-endian, then so much   lines: an answer is two lines (RESP)
 * stdin     of load, for each connection: 4 bytes length, first; 4 bytes length, question
 *           `first` must be answered by ONE answer, or is empty; native byte order
 * DEPTH     questions that are under way at once on a connection
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

enum {
    EVENTS = 512,      /* told by one epoll_wait */
    BUFFER = 1 << 18,  /* bytes taken by one recv */
    STEPS = 64,        /* of the histogram, for each power of two: 1.6 % wide */
    BUCKETS = 64 * STEPS,
    CONNECTING = 64,   /* connections that are opened before the first is waited for */
    GIVE_UP = 60       /* seconds without any answer */
};

struct connection {
    int handle;
    char *first, *question;
    uint32_t first_size, question_size;
    unsigned char head[4]; /* of an answer of which not all of the length has come */
    unsigned head_size;
    uint32_t body_left;
    unsigned lines;
    uint64_t asked;        /* ns; when the questions under way were sent */
    unsigned under_way;
    int is_in;             /* `first` has been answered */
};

static int lines_framing;
static unsigned depth;
static uint64_t buckets[BUCKETS], answers, bytes_in;
static char buffer[BUFFER];

static void fail(const char *format, ...)
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

static void note(uint64_t taken, unsigned count)
{
    unsigned bucket = 0;
    if (taken >= STEPS) {
        unsigned power = 63 - (unsigned)__builtin_clzll(taken) - 6;
        bucket = power * STEPS + (unsigned)(taken >> power);
    } else
        bucket = (unsigned)taken;
    buckets[bucket] += count;
}

static uint64_t value_of(unsigned bucket)
{
    unsigned power = bucket / STEPS;
    if (power < 2)
        return bucket;
    return (uint64_t)(bucket - (power - 1) * STEPS) << (power - 1);
}

/* How many whole answers these bytes complete. */
static unsigned count_answers(struct connection *c, const char *data, size_t size)
{
    unsigned found = 0;
    if (lines_framing) {
        const char *end = data + size;
        while ((data = memchr(data, '\n', (size_t)(end - data))) != NULL) {
            data++;
            if (++c->lines == 2) {
                c->lines = 0;
                found++;
            }
        }
        return found;
    }
    while (size > 0) {
        if (c->body_left > 0) {
            size_t taken = size < c->body_left ? size : c->body_left;
            c->body_left -= (uint32_t)taken;
            data += taken;
            size -= taken;
            if (c->body_left == 0)
                found++;
            continue;
        }
        c->head[c->head_size++] = (unsigned char)*data++;
        size--;
        if (c->head_size == 4) {
            uint32_t length;
            memcpy(&length, c->head, 4);
            c->body_left = ntohl(length);
            c->head_size = 0;
        }
    }
    return found;
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

static double quantile(double share)
{
    uint64_t wanted = (uint64_t)(share * (double)answers), seen = 0;
    for (unsigned i = 0; i < BUCKETS; i++)
        if ((seen += buckets[i]) > wanted)
            return (double)value_of(i) / 1e6;
    return 0;
}

static void load(uint16_t port, unsigned count, double warmup, double seconds)
{
    struct connection *all = calloc(count, sizeof *all);
    struct epoll_event events[EVENTS];
    int poll = epoll_create1(0);
    unsigned out = 0;
    if (all == NULL || poll < 0)
        fail("no memory");
    for (unsigned i = 0; i < count; i++) {
        all[i].first = read_text(&all[i].first_size, 1);
        all[i].question = read_text(&all[i].question_size, depth);
    }
    /* Phase 0: everybody says what comes first. 1: warm-up. 2: what counts. */
    unsigned opened = 0;
    int phase = 0;
    uint64_t from = 0, until = 0;
    double cpu = 0;
    for (;;) {
        while (phase == 0 && opened < count && out < CONNECTING) {
            struct connection *c = &all[opened];
            struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
            c->handle = open_connection(port, opened++);
            fcntl(c->handle, F_SETFL, O_NONBLOCK);
            epoll_ctl(poll, EPOLL_CTL_ADD, c->handle, &event);
            if (c->first_size > 0) {
                send_all(c, c->first, c->first_size);
                out++;
            } else
                c->is_in = 1;
        }
        uint64_t at = now();
        if (phase == 0 && opened == count && out == 0) {
            phase = 1;
            until = at + (uint64_t)(warmup * 1e9);
            for (unsigned i = 0; i < count; i++)
                ask(&all[i]);
        } else if (phase == 1 && at >= until) {
            phase = 2;
            memset(buckets, 0, sizeof buckets);
            answers = bytes_in = 0;
            from = at;
            cpu = cpu_seconds();
            until = at + (uint64_t)(seconds * 1e9);
        } else if (phase == 2 && at >= until) {
            double wall = (double)(at - from) / 1e9;
            printf("{\"answers\": %" PRIu64 ", \"seconds\": %.6f, \"per_second\": %.1f, "
                   "\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"cpu_share\": %.3f}\n",
                   answers, wall, (double)answers / wall, quantile(0.5), quantile(0.99),
                   (cpu_seconds() - cpu) / wall);
            return;
        }
        int ready = epoll_wait(poll, events, EVENTS, phase == 0 ? GIVE_UP * 1000 : 100);
        if (ready == 0 && phase == 0)
            fail("no answer to what %u connections said first", out);
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            ssize_t size = recv(c->handle, buffer, sizeof buffer, 0);
            if (size < 0 && (errno == EAGAIN || errno == EINTR))
                continue;
            if (size <= 0)
                fail("the server has hung up");
            if (!c->is_in && !lines_framing && c->head_size == 0 && c->body_left == 0 &&
                size >= 5 && memcmp(buffer, "TOOM", 4) == 0) {
                memmove(buffer, buffer + 5, (size_t)(size -= 5)); /* its preface */
            }
            unsigned found = count_answers(c, buffer, (size_t)size);
            bytes_in += (uint64_t)size;
            if (found == 0)
                continue;
            if (!c->is_in) {
                c->is_in = 1;
                out--;
                continue;
            }
            note(now() - c->asked, found);
            answers += found;
            if (found > c->under_way)
                fail("more answers than questions");
            if ((c->under_way -= found) == 0)
                ask(c);
        }
    }
}

static void echo(uint16_t port, size_t asked, size_t answer)
{
    static char reply[BUFFER];
    static size_t owed[1 << 20]; /* by descriptor: bytes of a question that have come */
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN};
    int one = 1, poll = epoll_create1(0), listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) < 0 || listen(listener, 1024) < 0)
        fail("port %u: %s", port, strerror(errno));
    event.data.fd = listener;
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (size_t i = 0; i + answer <= BUFFER; i += answer) {
        memset(reply + i, 'x', answer);
        if (lines_framing)
            reply[i + answer / 2] = reply[i + answer - 1] = '\n';
        else {
            uint32_t length = htonl((uint32_t)answer - 4);
            memcpy(reply + i, &length, 4);
        }
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        int ready = epoll_wait(poll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int handle = events[i].data.fd;
            if (handle == listener) {
                while ((handle = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    event.data.fd = handle;
                    owed[handle] = 0;
                    epoll_ctl(poll, EPOLL_CTL_ADD, handle, &event);
                }
                continue;
            }
            ssize_t size = recv(handle, buffer, sizeof buffer, 0);
            if (size < 0 && (errno == EAGAIN || errno == EINTR))
                continue;
            if (size <= 0) {
                close(handle);
                continue;
            }
            owed[handle] += (size_t)size;
            size_t whole = owed[handle] / asked;
            owed[handle] %= asked;
            while (whole > 0) {
                size_t some = whole < BUFFER / answer ? whole : BUFFER / answer;
                if (send(handle, reply, some * answer, MSG_NOSIGNAL) < 0)
                    break;
                whole -= some;
            }
        }
    }
}

int main(int count, char **words)
{
    signal(SIGPIPE, SIG_IGN);
    if (count < 3)
        fail("see the head of generator.c");
    lines_framing = strcmp(words[2], "lines") == 0;
    if (strcmp(words[1], "load") == 0 && count == 8) {
        depth = (unsigned)atoi(words[5]);
        load((uint16_t)atoi(words[3]), (unsigned)atoi(words[4]), atof(words[6]), atof(words[7]));
        return 0;
    }
    if (strcmp(words[1], "echo") == 0 && count == 6)
        echo((uint16_t)atoi(words[3]), (size_t)atol(words[4]), (size_t)atol(words[5]));
    fail("see the head of generator.c");
}
