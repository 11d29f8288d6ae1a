/*
 * udsd-spawn COUNT JOBS PROGRAM: starts the program so many times, so many at once, and waits for each: what is left to
 * a queue of jobs by the kernel and the C library.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

extern char **environ;

int
main(int argc, char *argv[])
{
	long count = argc == 4 ? strtol(argv[1], NULL, 10) : 0, jobs = argc == 4 ? strtol(argv[2], NULL, 10) : 0;
	char *words[] = { argc == 4 ? argv[3] : NULL, NULL };
	long running = 0;
	pid_t pid;

	if (count <= 0 || jobs <= 0) {
		fprintf(stderr, "usage: udsd-spawn COUNT JOBS PROGRAM\n");
		return EXIT_FAILURE;
	}
	while (count > 0 || running > 0) {
		if (count > 0 && running < jobs) {
			if (posix_spawn(&pid, words[0], NULL, NULL, words, environ) != 0)
				return EXIT_FAILURE;
			count--;
			running++;
			continue;
		}
		if (wait(NULL) < 0)
			return EXIT_FAILURE;
		running--;
	}
	return EXIT_SUCCESS;
}
