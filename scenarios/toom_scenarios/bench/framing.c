/* Where an answer ends: the two framings that the load generator knows. */
#include <arpa/inet.h>
#include <string.h>

#include "generator.h"

int lines_framing;

/* How many whole answers these bytes complete. */
unsigned count_answers(struct framing *f, const char *data, size_t size)
{
    unsigned found = 0;
    if (lines_framing) {
        const char *end = data + size;
        while ((data = memchr(data, '\n', (size_t)(end - data))) != NULL) {
            data++;
            if (++f->lines == 2) {
                f->lines = 0;
                found++;
            }
        }
        return found;
    }
    while (size > 0) {
        if (f->body_left > 0) {
            size_t taken = size < f->body_left ? size : f->body_left;
            f->body_left -= (uint32_t)taken;
            data += taken;
            size -= taken;
            if (f->body_left == 0)
                found++;
            continue;
        }
        f->head[f->head_size++] = (unsigned char)*data++;
        size--;
        if (f->head_size == 4) {
            uint32_t length;
            memcpy(&length, f->head, 4);
            f->body_left = ntohl(length);
            f->head_size = 0;
        }
    }
    return found;
}
