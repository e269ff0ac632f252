/* The floor of FastCGI: a libfcgi program whose answer is always the same.
 *
 *     fixed FILE      FILE holds the whole answer, headers and all
 */
#include <err.h>
#include <fcgiapp.h>
#include <stdio.h>

static char answer[64 * 1024];

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    FCGX_Request request;
    int length;

    if (!file)
        err(2, "the answer's file");
    length = fread(answer, 1, sizeof answer, file);
    fclose(file);
    if (FCGX_Init() || FCGX_InitRequest(&request, 0, 0))
        errx(2, "libfcgi does not start");
    while (FCGX_Accept_r(&request) == 0) {
        FCGX_PutStr(answer, length, request.out);
        FCGX_Finish_r(&request);
    }
    return 0;
}
