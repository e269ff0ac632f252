/* A library to be loaded before others: a process whose standard input is a
 * listening socket, which is a FastCGI worker, ends at once.
 */
#include <sys/socket.h>
#include <unistd.h>

__attribute__((constructor)) static void fail(void) {
  int listens = 0;
  socklen_t size = sizeof listens;
  if (getsockopt(0, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens)
    _exit(1);
}
