/* One way of an emulated link, without packets, clocks or sockets: a packet of so many bytes comes
 * at a time; what becomes of it, and when does it leave? (engine.c) */
#ifndef ENGINE_H
#define ENGINE_H
#include <stdint.h>

enum fate { DELIVERED, QUEUE_FULL, LOST, LOST_IN_BURST, FATES };

/* What one way does to packets; description.py says what each number means. */
struct way_settings {
    uint64_t rate;     /* bits a second; 0: no limit, and then no queue */
    int64_t delay;     /* nanoseconds */
    uint64_t queue;    /* bytes */
    double loss;       /* share of packets, each for itself */
    double enter;      /* chance for each packet that a burst begins */
    double leave;      /* chance for each packet that it ends */
    double burst_loss; /* share of packets lost in a burst */
    uint64_t seed;
};

struct way {
    struct way_settings is;
    uint64_t random;
    int in_burst;
    int64_t free_at;     /* when the last packet that was taken has been sent */
    uint64_t packets[FATES], bytes[FATES];
    int64_t first, last; /* when packets came; -1: none has */
    double queue_area;   /* byte-nanoseconds, from `first` to `last` */
    double queue_left;   /* bytes in the queue at `last` */
    double queue_most;   /* bytes */
};

void way_begin(struct way *way, const struct way_settings *settings);

/* Forget what was counted, and begin the random numbers anew; what is under way stays so. */
void way_again(struct way *way);

/* A packet comes. `now` never goes back. `leaves` is set where it is delivered. */
enum fate way_take(struct way *way, int64_t now, uint32_t size, int64_t *leaves);
#endif
