/* Asks one question at a time over UDP and prints the median, the 95th and the 99th percentile, in microseconds,
 * and how many were lost. With PAUSE, a question begins so many microseconds after the one before, or at once
 * where that took longer.
 * udp_ask ADDRESS PORT NAME COUNT [PAUSE] */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

int main(int argc, char **argv) {
  if (argc != 5 && argc != 6) return 2;
  int pause = argc == 6 ? atoi(argv[5]) : 0;
  int count = atoi(argv[4]), fd = socket(AF_INET, SOCK_DGRAM, 0), got = 0, lost = 0;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
  struct timeval limit = {.tv_sec = 1};
  unsigned char query[300] = {0, 0, 1, 0, 0, 1}, answer[2048];
  int length = 12;
  inet_pton(AF_INET, argv[1], &to.sin_addr);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) return 1;
  for (char *label = strtok(argv[3], "."); label; label = strtok(NULL, ".")) {
    query[length++] = strlen(label);
    memcpy(query + length, label, strlen(label));
    length += strlen(label);
  }
  memcpy(query + length, "\0\0\1\0\1", 5);
  length += 5;
  double next = 0, *times = malloc(count * sizeof *times);
  for (int i = 0; i < count; i++) {
    query[0] = i >> 8;
    query[1] = i;
    double begun = now();
    while (pause && begun < next) {
      double rest = next - begun;
      struct timespec t = {.tv_sec = rest / 1e6, .tv_nsec = (long)rest % 1000000 * 1000};
      nanosleep(&t, NULL);
      begun = now();
    }
    next = begun + pause;
    send(fd, query, length, 0);
    if (recv(fd, answer, sizeof answer, 0) < 0 || answer[1] != query[1]) lost++;
    else times[got++] = now() - begun;
  }
  if (got == 0) return 1;
  qsort(times, got, sizeof *times, by_size);
  printf("%.1f %.1f %.1f %d\n", times[got / 2], times[(int)(got * 0.95)], times[(int)(got * 0.99)], lost);
  return 0;
}
