/* load SHM PLAIN_PORT TLS_PORT CERTS BODY THREADS_PLAIN THREADS_TLS THREADS_HANDSHAKE
 *
 * The clients of the demo. Every thread is one client that waits for its whole answer, compares status line and
 * body with what it must be, and notes when it asked and how long it waited. Three kinds:
 *   plain      one HTTP connection, kept alive
 *   tls        one TLS connection with a client certificate, kept alive
 *   handshake  a new TLS connection for each request: each one runs the code that the demo replaces
 * It stops at SIGTERM. Anything but the right answer counts as failed and is told on stderr; a client whose
 * connection failed makes a new one, so one failure counts once. SHM (layout: struct shared) is read by load.py
 * while this runs. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CLIENTS = 64, MAX_ANSWERS = 1 << 18 };
enum kind { PLAIN, TLS, HANDSHAKE };

struct answer { uint64_t asked_ns, waited_ns; };            /* CLOCK_MONOTONIC, nanoseconds */
struct client {
    volatile uint64_t kind, answers, failed;                /* answers: how many, failed ones included */
    struct answer log[MAX_ANSWERS];                         /* a ring: answer i is at i % MAX_ANSWERS */
};
struct shared { uint64_t clients; struct client client[MAX_CLIENTS]; };

struct connection { int fd; SSL *ssl; };

static struct shared *shared;
static int port[2];
static SSL_CTX *context[2];
static const char *const host[2] = { "alpha.test", "beta.test" };
static char *body[2];
static volatile sig_atomic_t stop;

static void on_term(int signal) { (void)signal; stop = 1; }

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void die(const char *what) { perror(what); exit(1); }

static SSL_CTX *customer(const char *certs, const char *name)
{
    char crt[4096], key[4096];
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    snprintf(crt, sizeof crt, "%s/%s-customer.crt", certs, name);
    snprintf(key, sizeof key, "%s/%s-customer.key", certs, name);
    if (!c || SSL_CTX_use_certificate_file(c, crt, SSL_FILETYPE_PEM) != 1
        || SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    SSL_CTX_set_mode(c, SSL_MODE_AUTO_RETRY);
    return c;
}

static char *read_body(const char *pages, const char *name)
{
    char path[4096], *text = calloc(1, 1 << 16);
    snprintf(path, sizeof path, "%s/%s/index.html", pages, name);
    FILE *f = fopen(path, "r");
    if (!f || !text || fread(text, 1, (1 << 16) - 1, f) == 0) die(path);
    fclose(f);
    return text;
}

static void disconnect(struct connection *c)
{
    if (c->ssl) { SSL_shutdown(c->ssl); SSL_free(c->ssl); }
    if (c->fd >= 0) close(c->fd);
    *c = (struct connection){ .fd = -1 };
}

/* Returns NULL, or the step that failed. */
static const char *connect_to(struct connection *c, int tls, int site)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port[tls]),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval limit = { .tv_sec = 5 };
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&a, sizeof a)) return "connect";
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (!tls) return NULL;
    if (!(c->ssl = SSL_new(context[site]))) return "SSL_new";
    SSL_set_tlsext_host_name(c->ssl, host[site]);
    SSL_set_fd(c->ssl, c->fd);
    return SSL_connect(c->ssl) == 1 ? NULL : "TLS handshake";
}

static ssize_t put(struct connection *c, const char *data, size_t n)
{
    return c->ssl ? SSL_write(c->ssl, data, (int)n) : send(c->fd, data, n, MSG_NOSIGNAL);
}

static ssize_t get(struct connection *c, char *data, size_t n)
{
    return c->ssl ? SSL_read(c->ssl, data, (int)n) : recv(c->fd, data, n, 0);
}

/* One request and its whole answer. Returns NULL, or what was wrong with it. */
static const char *ask(struct connection *c, int site)
{
    char request[128], buffer[1 << 16], *end = NULL;
    size_t have = 0, wanted = strlen(body[site]);
    int n = snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host[site]);
    if (put(c, request, (size_t)n) != n) return "write";
    while (!end || have < (size_t)(end - buffer) + wanted) {
        ssize_t r = get(c, buffer + have, sizeof buffer - 1 - have);
        if (r <= 0) return "answer cut short";
        have += (size_t)r;
        buffer[have] = 0;
        if (!end && (end = strstr(buffer, "\r\n\r\n"))) end += 4;
        if (have == sizeof buffer - 1) return "answer too long";
    }
    if (strncmp(buffer, "HTTP/1.1 200 ", 13)) return "status is not 200";
    if (have != (size_t)(end - buffer) + wanted || memcmp(end, body[site], wanted)) return "wrong body";
    return NULL;
}

static void *client(void *argument)
{
    struct client *me = argument;
    struct connection c = { .fd = -1 };
    const struct timespec think = { .tv_nsec = me->kind == HANDSHAKE ? 40000000 : 10000000 };
    while (!stop) {
        int site = me->kind == HANDSHAKE ? (int)(me->answers & 1) : 0;
        const char *wrong = NULL;
        uint64_t asked = now();
        if (c.fd < 0) wrong = connect_to(&c, me->kind != PLAIN, site);
        if (!wrong) wrong = ask(&c, site);
        me->log[me->answers % MAX_ANSWERS] = (struct answer){ asked, now() - asked };
        __atomic_store_n(&me->answers, me->answers + 1, __ATOMIC_RELEASE);
        if (wrong) {
            me->failed++;
            fprintf(stderr, "client %ld: %s\n", (long)(me - shared->client), wrong);
        }
        if (wrong || me->kind == HANDSHAKE) disconnect(&c);
        nanosleep(&think, NULL);
    }
    disconnect(&c);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread[MAX_CLIENTS];
    if (argc != 9) return 64;
    int fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof *shared)) die(argv[1]);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED) die("mmap");
    port[0] = atoi(argv[2]);
    port[1] = atoi(argv[3]);
    context[0] = customer(argv[4], "alpha");
    context[1] = customer(argv[4], "beta");
    body[0] = read_body(argv[5], "alpha");
    body[1] = read_body(argv[5], "beta");
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_term);
    signal(SIGINT, SIG_IGN);                    /* the demo itself decides when to stop */
    uint64_t n = 0;
    for (int kind = PLAIN; kind <= HANDSHAKE; kind++)
        for (int i = atoi(argv[6 + kind]); i > 0 && n < MAX_CLIENTS; i--)
            shared->client[n++].kind = (uint64_t)kind;
    for (uint64_t i = 0; i < n; i++)
        if (pthread_create(&thread[i], NULL, client, &shared->client[i])) die("pthread_create");
    __atomic_store_n(&shared->clients, n, __ATOMIC_RELEASE);
    for (uint64_t i = 0; i < n; i++) pthread_join(thread[i], NULL);
    return 0;
}
