/* A server that answers at once: it shows what the load generator itself can carry. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "generator.h"

static int listen_at(uint16_t port)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(port)};
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) < 0 || listen(listener, 1024) < 0)
        fail("port %u: %s", port, strerror(errno));
    return listener;
}

/* Fill a buffer with answers; gives how many it holds. */
static size_t make_answers(char *reply, size_t answer)
{
    size_t held = BUFFER / answer;
    memset(reply, 'x', BUFFER);
    for (size_t i = 0; i < held * answer; i += answer) {
        if (lines_framing)
            reply[i + answer / 2] = reply[i + answer - 1] = '\n';
        else {
            uint32_t length = htonl((uint32_t)answer - 4);
            memcpy(reply + i, &length, 4);
        }
    }
    return held;
}

/* Send all of it, however long that takes the other side; gives 0 when it is gone. */
static int send_whole(int handle, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(handle, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd room = {.fd = handle, .events = POLLOUT};
            poll(&room, 1, -1);
        } else if (sent < 0 && errno != EINTR)
            return 0;
        else if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
        }
    }
    return 1;
}

void echo(uint16_t port, size_t asked, size_t answer)
{
    static char buffer[BUFFER], reply[BUFFER];
    static size_t owed[1 << 20]; /* by descriptor: bytes of a question that have come */
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN};
    int one = 1, events_of = epoll_create1(0), listener = listen_at(port);
    size_t held = make_answers(reply, answer);
    event.data.fd = listener;
    epoll_ctl(events_of, EPOLL_CTL_ADD, listener, &event);
    puts("ready");
    fflush(stdout);
    for (;;) {
        int ready = epoll_wait(events_of, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int handle = events[i].data.fd;
            if (handle == listener) {
                while ((handle = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    event.data.fd = handle;
                    owed[handle] = 0;
                    epoll_ctl(events_of, EPOLL_CTL_ADD, handle, &event);
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
                size_t some = whole < held ? whole : held;
                if (!send_whole(handle, reply, some * answer))
                    break;
                whole -= some;
            }
        }
    }
}
