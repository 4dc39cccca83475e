/* How long answers took: a count for each step of 1.6 %, so that no answer is left out. */
#include <string.h>

#include "generator.h"

enum {
    STEPS = 64, /* for each power of two */
    BUCKETS = 64 * STEPS
};

static uint64_t buckets[BUCKETS], answers;

void forget_all(void)
{
    memset(buckets, 0, sizeof buckets);
    answers = 0;
}

uint64_t noted(void)
{
    return answers;
}

void note(uint64_t taken, unsigned count)
{
    unsigned bucket = 0;
    if (taken >= STEPS) {
        unsigned power = 63 - (unsigned)__builtin_clzll(taken) - 6;
        bucket = power * STEPS + (unsigned)(taken >> power);
    } else
        bucket = (unsigned)taken;
    buckets[bucket] += count;
    answers += count;
}

static uint64_t value_of(unsigned bucket)
{
    unsigned power = bucket / STEPS;
    if (power < 2)
        return bucket;
    return (uint64_t)(bucket - (power - 1) * STEPS) << (power - 1);
}

double quantile(double share)
{
    uint64_t wanted = (uint64_t)(share * (double)answers), seen = 0;
    for (unsigned i = 0; i < BUCKETS; i++)
        if ((seen += buckets[i]) > wanted)
            return (double)value_of(i) / 1e6;
    return 0;
}
