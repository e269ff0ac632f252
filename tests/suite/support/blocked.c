/* Starts a program with every signal blocked, as a careless parent does. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv) {
  sigset_t all;
  sigfillset(&all);
  if (argc < 2 || sigprocmask(SIG_SETMASK, &all, NULL) != 0) return 2;
  execv(argv[1], argv + 1);
  perror(argv[1]);
  return 2;
}
