/* peak PROGRAM [ARGUMENT...]: runs the program and prints how much of it was in
 * memory at most, in KiB. What counts is the larger of it and of this program
 * as it was before exec, so this one is to be small.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct rusage usage;
  int status;
  if (argc < 2) return 2;
  pid_t child = fork();
  if (child == 0) {
    execv(argv[1], argv + 1);
    _exit(127);
  }
  if (child < 0 || wait4(child, &status, 0, &usage) < 0 || status != 0) return 1;
  fprintf(stderr, "%ld\n", usage.ru_maxrss);
  return 0;
}
