/*
 * Connections of others, for foreign-traffic.mjs: opens, accepts and resets connections over the loopback of a namespace of
 * its own, as many a second as it is told and as the machine can make. Prints how many it has made in each second.
 *
 *   foreign-traffic CONNECTIONS-A-SECOND
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <signal.h>
#include <unistd.h>

static int check(int result, const char *what) {
  if (result >= 0) return result;
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  double rate = atof(argv[1]);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  check(unshare(CLONE_NEWNET), "unshare");
  int fd = check(socket(AF_INET, SOCK_DGRAM, 0), "socket");
  struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  check(ioctl(fd, SIOCSIFFLAGS, &loopback), "ioctl");
  close(fd);

  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(80)};
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int listener = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
  check(bind(listener, (struct sockaddr *)&server, sizeof server), "bind");
  check(listen(listener, 16), "listen");

  // An RST leaves no TIME-WAIT, so ports never run out.
  struct linger reset = {.l_onoff = 1};
  double start = now(), second = start;
  for (long made = 0, before = 0;; made++) {
    int client = check(socket(AF_INET, SOCK_STREAM, 0), "socket");
    check(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), "setsockopt");
    check(connect(client, (struct sockaddr *)&server, sizeof server), "connect");
    int accepted = check(accept(listener, NULL, NULL), "accept");
    close(client);
    close(accepted);
    double time = now();
    if (time - second >= 1) {
      printf("%.0f\n", (made - before) / (time - second));
      fflush(stdout);
      before = made, second = time;
    }
    // As many as should have been made by now, in small lots.
    if (made % 10 == 0 && made > (time - start) * rate) usleep((made / rate - (time - start)) * 1e6);
  }
}
