/* rawenv FILE PROGRAM [ARGUMENT...]: starts PROGRAM with the environment in
 * FILE, entries that end in NUL, whatever they hold: the same name twice, an
 * empty name, no "=" at all. A kernel passes these on, so a program gets them. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 3)
        return 126;
    FILE *file = fopen(argv[1], "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        return 126;
    long size = ftell(file);
    rewind(file);
    char *text = malloc(size + 1);
    char **entries = calloc(size + 2, sizeof *entries);
    if (!text || !entries || fread(text, 1, size, file) != (size_t)size)
        return 126;
    size_t count = 0;
    for (char *at = text; at < text + size; at += strlen(at) + 1)
        entries[count++] = at;
    fclose(file);
    execve(argv[2], argv + 2, entries);
    perror("rawenv");
    return 127;
}
