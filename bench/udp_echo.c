/* The floor of one lookup at a time: each query is sent back with QR set, so that dnsperf takes it for
 * an answer. */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(5300)};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, (struct sockaddr *)&at, sizeof at)) return 1;
  puts("ready");
  fflush(stdout);
  for (unsigned char buffer[4096];;) {
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    ssize_t n = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &length);
    if (n < 3) continue;
    buffer[2] |= 0x80;
    sendto(fd, buffer, n, 0, (struct sockaddr *)&from, length);
  }
}
