/* faults PROGRAM [ARGUMENT...]: runs the program at fixed addresses, where the system allows
 * that, and prints how many page faults it took.
 */
#include <stdio.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct rusage usage;
  int status;
  if (argc < 2) return 2;
  personality(ADDR_NO_RANDOMIZE);
  /* After fork(), the child's copies of pages would be counted. */
  pid_t child = vfork();
  if (child == 0) {
    execv(argv[1], argv + 1);
    _exit(127);
  }
  if (child < 0 || wait4(child, &status, 0, &usage) < 0 || status != 0) return 1;
  fprintf(stderr, "%ld\n", usage.ru_minflt);
  return 0;
}
