/* The floor: the least that a CGI program can do, in two system calls.
 *
 *     cc -O2 -static -nostdlib -o floor floor.c
 */

static const char page[] =
    "Status: 200 OK\r\n"
    "Content-Type: text/html; charset=utf-8\r\n"
    "\r\n"
    "<!doctype html><title>The floor</title><p>This page is always the same.</p>\n";

#if defined __x86_64__
enum { WRITE = 1, EXIT = 60 };
static long call(long number, long a, const void *b, long c)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined __aarch64__
enum { WRITE = 64, EXIT = 93 };
static long call(long number, long a, const void *b, long c)
{
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x2 __asm__("x2") = c;
    register const void *x1 __asm__("x1") = b;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
}
#else
#error "floor.c knows the system calls of x86_64 and aarch64 only"
#endif

void _start(void)
{
    call(WRITE, 1, page, sizeof page - 1);
    call(EXIT, 0, 0, 0);
    __builtin_unreachable();
}
