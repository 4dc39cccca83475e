/* What the files of the load generator share; generator.c says what it is. */
#ifndef GENERATOR_H
#define GENERATOR_H
#include <stddef.h>
#include <stdint.h>

enum {
    EVENTS = 512,    /* told by one epoll_wait */
    BUFFER = 1 << 18 /* bytes taken by one recv */
};

extern int lines_framing; /* an answer is two lines, not a length and so many bytes */

/* What is known of an answer of which not all has come (framing.c). */
struct framing {
    unsigned char head[4]; /* as much of its length as has come */
    unsigned head_size;
    uint32_t body_left;
    unsigned lines;
};
unsigned count_answers(struct framing *f, const char *data, size_t size);

/* Say on stderr what broke, and end with 1. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Answer every `asked` bytes with `answer` bytes, for ever (echo.c). */
void echo(uint16_t port, size_t asked, size_t answer) __attribute__((noreturn));

/* How long answers took (histogram.c). */
void forget_all(void);
void note(uint64_t nanoseconds, unsigned answers);
uint64_t noted(void);
double quantile(double share); /* in milliseconds */
#endif
