/* Packets on the wire: a binary heap by the time at which they leave. */
#include <stdlib.h>

#include "emulator.h"

enum { MOST = 1 << 17 }; /* packets: 196 MB of full ones, more than any link here has under way */

static struct packet *heap[MOST];
static size_t count;
static uint64_t numbers;

static int before(const struct packet *a, const struct packet *b)
{
    return a->leaves != b->leaves ? a->leaves < b->leaves : a->number < b->number;
}

static void swap(size_t a, size_t b)
{
    struct packet *kept = heap[a];
    heap[a] = heap[b];
    heap[b] = kept;
}

int put_on_wire(struct packet *packet)
{
    if (count == MOST)
        return 0;
    packet->number = numbers++;
    heap[count] = packet;
    for (size_t at = count++; at && before(heap[at], heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(at, (at - 1) / 2);
    return 1;
}

struct packet *next_to_leave(void)
{
    return count ? heap[0] : NULL;
}

void take_off_wire(void)
{
    free(heap[0]);
    heap[0] = heap[--count];
    for (size_t at = 0, child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && before(heap[child + 1], heap[child]))
            child++;
        if (!before(heap[child], heap[at]))
            break;
        swap(at, child);
    }
}
