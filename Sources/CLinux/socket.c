#define _GNU_SOURCE
#include "linux_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static long open_socket(const char *path, struct sockaddr_un *address) {
    if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    strcpy(address->sun_path, path);
    return linux_result(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static long closing(int fd, long error) {
    close(fd);
    return error;
}

long linux_socket_listen(const char *path, unsigned mode) {
    struct sockaddr_un address;
    long fd = open_socket(path, &address);
    if (fd < 0) return fd;
    // Nobody reaches it before its mode is set.
    mode_t before = umask(0177);
    long result = linux_result(bind((int)fd, (struct sockaddr *)&address, sizeof address));
    umask(before);
    if (result < 0) return closing((int)fd, result);
    result = linux_result(chmod(path, (mode_t)mode));
    if (result < 0) return closing((int)fd, result);
    result = linux_result(listen((int)fd, 16));
    return result < 0 ? closing((int)fd, result) : fd;
}

long linux_socket_accept(int socket) { return linux_result(accept4(socket, NULL, NULL, SOCK_CLOEXEC)); }

long linux_socket_connect(const char *path) {
    struct sockaddr_un address;
    long fd = open_socket(path, &address);
    if (fd < 0) return fd;
    long result = linux_result(connect((int)fd, (struct sockaddr *)&address, sizeof address));
    return result < 0 ? closing((int)fd, result) : fd;
}

long linux_socket_peer(int socket, int32_t *process, uint32_t *user, uint32_t *group) {
    struct ucred peer = {0, 0, 0};
    socklen_t size = sizeof peer;
    long result = linux_result(getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size));
    *process = peer.pid;
    *user = peer.uid;
    *group = peer.gid;
    return result;
}

long linux_socket_patience(int socket, unsigned milliseconds) {
    struct timeval limit = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000};
    long result = linux_result(setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
    return result < 0 ? result : linux_result(setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit));
}
