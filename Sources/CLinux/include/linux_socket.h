#ifndef TSUGITE_CLINUX_SOCKET_H
#define TSUGITE_CLINUX_SOCKET_H
#include <stdint.h>

#include "linux_result.h"

/// A listening stream socket at a path, which must not exist; mode as chmod(2): a descriptor or -errno.
long linux_socket_listen(const char *path, unsigned mode);
/// accept4(2): a close-on-exec descriptor or -errno.
long linux_socket_accept(int socket);
/// A stream connected to the socket at a path: a descriptor or -errno.
long linux_socket_connect(const char *path);
/// SO_PEERCRED: who was at the other end when it connected; 0 or -errno.
long linux_socket_peer(int socket, int32_t *process, uint32_t *user, uint32_t *group);
/// How long a read or a write on the socket may take, in milliseconds; 0 or -errno.
long linux_socket_patience(int socket, unsigned milliseconds);
#endif
