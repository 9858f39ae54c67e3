/*
 * What `why` is measured on and against. Makes COUNT sockets in a network namespace of its own, all open: half in CLOSE-WAIT, half in
 * FIN-WAIT-2. Prints `ready`, and then for each line that it reads one dump of the socket table whose rows are
 * only counted: how many, and how long it took in ms of processor time.
 *
 *   why COUNT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SHARE 16000

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static void enter_network(void) {
  if (unshare(CLONE_NEWNET) < 0) exit(2);
  struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  if (ioctl(socket(AF_INET, SOCK_STREAM, 0), SIOCSIFFLAGS, &loopback) < 0) exit(2);
}

static void make(int count, int port) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (void *)&at, sizeof at) < 0 || listen(listener, 128) < 0) exit(2);
  for (int made = 0; made < count; made += 2) {
    int client = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(client, (void *)&at, sizeof at) < 0) exit(2);
    int server = accept(listener, 0, 0);
    if (server < 0 || shutdown(server, SHUT_WR) < 0) exit(2);
  }
}

/* In processes of their own, each below the usual limit of descriptors; they end with this one. */
static void make_all(int count) {
  int done[2];
  if (pipe(done) < 0) exit(2);
  int processes = 0;
  for (int left = count; left > 0; left -= SHARE, processes++) {
    if (fork() > 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct rlimit most = {SHARE + 100, SHARE + 100};
    setrlimit(RLIMIT_NOFILE, &most);
    make(left < SHARE ? left : SHARE, 8080 + processes);
    if (write(done[1], "", 1) != 1) exit(2);
    for (;;) pause();
  }
  close(done[1]);
  for (char one; processes > 0; processes--)
    if (read(done[0], &one, 1) != 1) exit(2);
}

static void dump(int table) {
  static char datagram[65536];
  struct {
    struct nlmsghdr header;
    struct inet_diag_req request;
  } message = {
      .header = {.nlmsg_len = sizeof message, .nlmsg_type = TCPDIAG_GETSOCK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
      .request = {.idiag_states = 0x1fff, .idiag_ext = 1 << (INET_DIAG_INFO - 1)},
  };
  double start = now();
  send(table, &message, sizeof message, 0);
  int rows = 0;
  for (int over = 0; !over;) {
    int length = recv(table, datagram, sizeof datagram, 0);
    if (length <= 0) exit(1);
    for (struct nlmsghdr *each = (void *)datagram; NLMSG_OK(each, length); each = NLMSG_NEXT(each, length)) {
      over = each->nlmsg_type == NLMSG_DONE;
      rows += !over;
    }
  }
  printf("{\"rows\":%d,\"ms\":%.3f}\n", rows, now() - start);
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  enter_network();
  make_all(atoi(argv[1]));
  int table = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
  puts("ready");
  fflush(stdout);
  char line[8];
  while (fgets(line, sizeof line, stdin)) dump(table);
  return 0;
}
