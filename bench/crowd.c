/*
 * What `tcplab hold close-wait --count N` is measured against: the same calls, in namespaces that tcplab made, by a
 * loop that does nothing else. Prints how long the calls took and how many sockets are in CLOSE-WAIT then.
 *
 *   crowd COUNT CLIENT-NAMESPACE SERVER-NAMESPACE CLIENT-ADDRESS SERVER-ADDRESS   (namespaces as descriptors)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TYPE (SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)

static int check(int result, const char *what) {
  if (result >= 0) return result;
  perror(what);
  exit(1);
}

static struct sockaddr_in at(const char *address, int port) {
  struct sockaddr_in result = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, address, &result.sin_addr);
  return result;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  int count = atoi(argv[1]);
  struct sockaddr_in client = at(argv[4], 0), server = at(argv[5], 80);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const int one = 1;
  int *accepted = calloc(count, sizeof *accepted);

  check(setns(atoi(argv[3]), CLONE_NEWNET), "setns");
  int listener = check(socket(AF_INET, TYPE, IPPROTO_TCP), "socket");
  check(bind(listener, (struct sockaddr *)&server, sizeof server), "bind");
  check(listen(listener, 1024), "listen");
  check(setns(atoi(argv[2]), CLONE_NEWNET), "setns");

  double start = now();
  for (int made = 0; made < count; made++) {
    int fd = check(socket(AF_INET, TYPE, IPPROTO_TCP), "socket");
    client.sin_port = htons(65535 - made);
    check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), "setsockopt");
    check(bind(fd, (struct sockaddr *)&client, sizeof client), "bind");
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0 && errno != EINPROGRESS) check(-1, "connect");
    do accepted[made] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    while (accepted[made] < 0 && errno == EAGAIN);
    check(accepted[made], "accept4");
    check(close(fd), "close");
    char data[4096];
    int received;
    do received = recv(accepted[made], data, sizeof data, 0);
    while (received < 0 && errno == EAGAIN);
    check(received, "recv");
  }
  double took = now() - start;

  /* The last FINs may be on their way. */
  int inState = 0;
  for (double since = now(); inState < count && now() - since < 1000;) {
    inState = 0;
    for (int made = 0; made < count; made++) {
      struct tcp_info info;
      socklen_t length = sizeof info;
      check(getsockopt(accepted[made], IPPROTO_TCP, TCP_INFO, &info, &length), "getsockopt");
      inState += info.tcpi_state == TCP_CLOSE_WAIT;
    }
  }
  printf("{\"count\":%d,\"inState\":%d,\"ms\":%.3f,\"perSecond\":%.0f}\n", count, inState, took, count / took * 1e3);
  return 0;
}
