/* Measures CGI programs from spawn to exit, started as a web server starts them.
 *
 *     spawn ROUNDS <plan >figures
 *
 * A line of the plan, its fields separated by tabs: a name, a program, a file
 * with all variables (NAME=VALUE lines), a file with the body or "-", and a text
 * that its output must contain. In each round every program runs once, so that
 * other work on the machine affects all of them.
 *
 * A line of the figures: the name, median microseconds, median page faults,
 * peak resident KiB, and whether 16 MiB of address space are enough. Every
 * output is checked; the first wrong one ends the run with exit code 1.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LINES = 64, VARIABLES = 128, MIB = 1024 * 1024 };

struct line {
    char *name, *program, *body, *wanted;
    char *vars[VARIABLES];
    size_t body_length;
    double *micros, *faults;
};

static int answer[2]; /* one pipe for all outputs; reading from it never blocks */

static char *file(const char *path, size_t *length)
{
    FILE *stream = fopen(path, "r");
    char *text = malloc(MIB);
    if (!stream || !text)
        err(2, "%s", path);
    *length = fread(text, 1, MIB - 1, stream);
    text[*length] = 0;
    fclose(stream);
    return text;
}

static int read_plan(struct line *lines)
{
    static char text[4096];
    int count = 0;
    while (fgets(text, sizeof text, stdin)) {
        struct line *line = &lines[count];
        char *rest = strdup(text), *vars, *body;
        size_t length;
        if (++count > LINES)
            errx(2, "more than %d lines in the plan", LINES);
        line->name = strsep(&rest, "\t");
        line->program = strsep(&rest, "\t");
        vars = strsep(&rest, "\t");
        body = strsep(&rest, "\t");
        line->wanted = strsep(&rest, "\n");
        if (!line->wanted || !*line->wanted)
            errx(2, "line %d of the plan has too few fields", count);
        if (strcmp(body, "-"))
            line->body = file(body, &line->body_length);
        vars = file(vars, &length);
        for (int i = 0; vars && *vars; i++) {
            if (i == VARIABLES - 1)
                errx(2, "more than %d variables", VARIABLES - 1);
            line->vars[i] = strsep(&vars, "\n");
        }
    }
    return count;
}

/* Standard input: a pipe with the body, or /dev/null. */
static int input(const struct line *line)
{
    int ends[2];
    if (!line->body)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (pipe2(ends, O_CLOEXEC))
        err(2, "pipe");
    if (write(ends[1], line->body, line->body_length) != (ssize_t)line->body_length)
        err(2, "write the body");
    close(ends[1]);
    return ends[0];
}

/* Empties the pipe. Whether the program succeeded and its output is right. */
static int answered(const struct line *line, int status, char *text)
{
    size_t length = 0;
    ssize_t got;
    while ((got = read(answer[0], text + length, MIB - 1 - length)) > 0)
        length += got;
    text[length] = 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0
        && memmem(text, length, line->wanted, strlen(line->wanted));
}

static void check(const struct line *line, int status)
{
    static char text[MIB];
    if (!answered(line, status, text))
        errx(1, "%s: no \"%s\" in its answer (wait status %d):\n%s",
             line->name, line->wanted, status, text);
}

static void time_once(struct line *line, int round)
{
    char *argv[] = { line->program, NULL };
    posix_spawn_file_actions_t actions;
    struct timespec start, end;
    struct rusage usage;
    int status, failure, in = input(line);
    pid_t child;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, 0);
    posix_spawn_file_actions_adddup2(&actions, answer[1], 1);
    clock_gettime(CLOCK_MONOTONIC, &start);
    failure = posix_spawn(&child, line->program, &actions, NULL, argv, line->vars);
    if (failure)
        errx(2, "%s: %s", line->program, strerror(failure));
    if (wait4(child, &status, 0, &usage) < 0)
        err(2, "wait");
    clock_gettime(CLOCK_MONOTONIC, &end);
    posix_spawn_file_actions_destroy(&actions);
    close(in);

    check(line, status);
    line->micros[round] = (end.tv_sec - start.tv_sec) * 1e6 + (end.tv_nsec - start.tv_nsec) / 1e3;
    line->faults[round] = usage.ru_minflt + usage.ru_majflt;
}

/* One run that is not timed, by fork: the peak memory of a process started by
 * posix_spawn is at least that of its parent. */
static int run_forked(const struct line *line, rlim_t address_space, struct rusage *usage)
{
    char *argv[] = { line->program, NULL };
    int status, in = input(line);
    pid_t child = fork();
    if (child < 0)
        err(2, "fork");
    if (child == 0) {
        struct rlimit limit = { address_space, address_space };
        if (setrlimit(RLIMIT_AS, &limit) || dup2(in, 0) < 0 || dup2(answer[1], 1) < 0)
            _exit(126);
        execve(line->program, argv, line->vars);
        _exit(127);
    }
    if (wait4(child, &status, 0, usage) < 0)
        err(2, "wait");
    close(in);
    return status;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, count, sizeof *values, ascending);
    return values[count / 2];
}

int main(int argc, char **argv)
{
    static struct line lines[LINES];
    static char text[MIB];
    int rounds = argc == 2 ? atoi(argv[1]) : 0, count = read_plan(lines);
    if (rounds < 1)
        errx(2, "usage: spawn ROUNDS <plan");
    if (pipe2(answer, O_CLOEXEC | O_NONBLOCK) || fcntl(answer[1], F_SETFL, 0))
        err(2, "pipe");

    for (int i = 0; i < count; i++) {
        lines[i].micros = calloc(rounds, sizeof(double));
        lines[i].faults = calloc(rounds, sizeof(double));
        if (!lines[i].micros || !lines[i].faults)
            err(2, "%d rounds", rounds);
    }
    for (int round = 0; round < rounds; round++) {
        alarm(60); /* ends the run if a program hangs or fills the pipe */
        for (int i = 0; i < count; i++)
            time_once(&lines[i], round);
    }

    for (int i = 0; i < count; i++) {
        struct rusage usage, limited;
        check(&lines[i], run_forked(&lines[i], RLIM_INFINITY, &usage));
        int status = run_forked(&lines[i], 16 * MIB, &limited);
        printf("%s\t%.1f\t%.0f\t%ld\t%s\n", lines[i].name,
               median(lines[i].micros, rounds), median(lines[i].faults, rounds),
               usage.ru_maxrss, answered(&lines[i], status, text) ? "yes" : "NO");
    }
    return 0;
}
