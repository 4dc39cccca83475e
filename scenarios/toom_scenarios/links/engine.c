/* What becomes of packets on one way of an emulated link.
 *
 * In order: a queue of so many bytes with drop-tail, a transmitter of so many bits a second, then
 * the wire, which loses packets (so a lost one has used its share of the rate) and takes its time.
 * Losses in bursts are those of Gilbert and Elliott. Every packet takes two random numbers, whatever
 * becomes of it: with the same seed the nth packet is lost or not, however the packets come.
 *
 * Source: E. N. Gilbert, "Capacity of a burst-noise channel", 1960; E. O. Elliott, "Estimates of
 * error rates for codes on burst-noise channels", 1963; splitmix64 of Steele, Lea, Flood, 2014. */
#include <string.h>

#include "engine.h"

static const double BITS_NS = 8e9; /* bits of a byte times nanoseconds of a second */

static double uniform(uint64_t *state) /* from 0 to below 1 */
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

void way_begin(struct way *way, const struct way_settings *settings)
{
    memset(way, 0, sizeof *way);
    way->is = *settings;
    way_again(way);
}

void way_again(struct way *way)
{
    way->random = way->is.seed;
    way->in_burst = 0;
    memset(way->packets, 0, sizeof way->packets);
    memset(way->bytes, 0, sizeof way->bytes);
    way->first = way->last = -1;
    way->queue_area = way->queue_left = way->queue_most = 0;
}

/* Bytes that wait or are being sent. */
static double queued(const struct way *way, int64_t now)
{
    return way->free_at > now ? (double)(way->free_at - now) * (double)way->is.rate / BITS_NS : 0;
}

/* The queue since the packet before: it has shrunk at the link's rate, at most to nothing. */
static void account(struct way *way, int64_t now, double here)
{
    if (way->first < 0)
        way->first = now;
    else if (here > 0)
        way->queue_area += (double)(now - way->last) * (way->queue_left + here) / 2;
    else if (way->is.rate)
        way->queue_area += way->queue_left * way->queue_left * BITS_NS / (double)way->is.rate / 2;
    way->last = now;
}

static enum fate wire(struct way *way)
{
    double change = uniform(&way->random), chance = uniform(&way->random);
    way->in_burst = way->in_burst ? change >= way->is.leave : change < way->is.enter;
    if (way->in_burst)
        return chance < way->is.burst_loss ? LOST_IN_BURST : DELIVERED;
    return chance < way->is.loss ? LOST : DELIVERED;
}

enum fate way_take(struct way *way, int64_t now, uint32_t size, int64_t *leaves)
{
    enum fate fate = wire(way);
    double here = queued(way, now);
    account(way, now, here);
    if (way->is.rate && here + size > (double)way->is.queue)
        fate = QUEUE_FULL;
    else if (way->is.rate) {
        uint64_t work = (uint64_t)size * (uint64_t)BITS_NS;
        if (way->free_at < now)
            way->free_at = now;
        way->free_at += (int64_t)((work + way->is.rate - 1) / way->is.rate);
        here = queued(way, now);
    }
    if (here > way->queue_most)
        way->queue_most = here;
    way->queue_left = here;
    way->packets[fate]++;
    way->bytes[fate] += size;
    if (fate == DELIVERED)
        *leaves = (way->is.rate ? way->free_at : now) + way->is.delay;
    return fate;
}
