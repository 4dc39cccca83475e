/* What the files of the emulator share; emulator.c says what it is. */
#ifndef EMULATOR_H
#define EMULATOR_H
#include <stddef.h>
#include <stdint.h>

#include "engine.h"

enum { WAYS = 2 };

/* Packets of one flow on one way (flows.c). */
struct flow;
struct flow *flow_of(const unsigned char *packet, size_t size, unsigned way);
void flow_took(struct flow *flow, int64_t now, size_t size, enum fate fate);
void flow_delivers(struct flow *flow, int64_t at, size_t size);
void forget_flows(int64_t now);
void tell_flows(void); /* as members of a JSON object, on stdout */

/* Packets on the wire, by the time at which they leave (wire.c). */
struct packet {
    int64_t leaves;
    uint64_t number; /* of two that leave at one time, the one that came first is first */
    struct flow *flow;
    unsigned way;
    uint32_t size;
    unsigned char data[];
};
int put_on_wire(struct packet *packet); /* 0: there is no room */
struct packet *next_to_leave(void);     /* NULL: none is there */
void take_off_wire(void);
#endif
