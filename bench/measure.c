/*
 * Runs one command and writes what it cost: `measure REPORT COMMAND [ARGUMENT...]` appends one
 * line of wall seconds, CPU seconds (user and system), peak resident KiB and the exit status to
 * REPORT. Output of the command is thrown away. Children of the command count.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double
seconds(struct timeval t)
{
    return (double) t.tv_sec + (double) t.tv_usec / 1e6;
}

static double
wall_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static _Noreturn void
run(char **command)
{
    int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
    dup2(nothing, STDERR_FILENO);
    execvp(command[0], command);
    _exit(127);
}

int
main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: measure REPORT COMMAND [ARGUMENT...]\n");
        return 2;
    }
    double begin = wall_now();
    pid_t child = fork();
    if (child == 0)
        run(argv + 2);
    int status = 0;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) < 0) {
        perror("measure");
        return EXIT_FAILURE;
    }
    FILE *report = fopen(argv[1], "a");
    if (report == NULL) {
        perror(argv[1]);
        return EXIT_FAILURE;
    }
    fprintf(report, "%.3f\t%.3f\t%ld\t%d\n", wall_now() - begin,
            seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss,
            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return fclose(report) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
