/* renames INSIDE OUTSIDE NUMBER: until it is killed, exchanges files and folders of a
 * protected folder with links that lead out of it, or with what is outside. NUMBER chooses
 * which.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int inside, outside;

static void exchange(int folder, const char *name, int other_folder, const char *other) {
  renameat2(folder, name, other_folder, other, RENAME_EXCHANGE);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  inside = open(argv[1], O_PATH | O_DIRECTORY);
  outside = open(argv[2], O_PATH | O_DIRECTORY);
  if (inside < 0 || outside < 0) return 1;
  for (;;) {
    switch (atoi(argv[3]) % 5) {
    case 0: exchange(inside, "x", inside, "x2"); break;
    case 1: exchange(inside, "file", inside, "file2"); break;
    case 2: exchange(inside, "a/b", inside, "b2"); break;
    case 3: exchange(inside, "moved", outside, "moved2"); break;
    case 4:
      renameat(inside, "a", inside, "c");
      usleep(50);
      renameat(inside, "c", inside, "a");
      break;
    }
    /* Fifty of them leave the machine to those who fetch. */
    usleep(300);
  }
}
