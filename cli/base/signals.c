#include "signals.h"

#include <unistd.h>

/* What some verb catches. */
static const int signals_caught[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH, SIGCHLD };
static const int signals_useless[] = { SIGPIPE, SIGXFSZ };

static sigset_t signals_ignored;
static bool signals_is_interrupted;

#define N(array) (sizeof(array) / sizeof((array)[0]))

void
signals_init(void)
{
	struct sigaction action;
	sigset_t caught;

	sigemptyset(&signals_ignored);
	for (int signo = 1; signo < SIGRTMIN; signo++)
		if (sigaction(signo, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			sigaddset(&signals_ignored, signo);
	sigemptyset(&caught);
	for (size_t i = 0; i < N(signals_caught); i++)
		sigaddset(&caught, signals_caught[i]);
	sigprocmask(SIG_UNBLOCK, &caught, NULL);
	for (size_t i = 0; i < N(signals_useless); i++)
		signal(signals_useless[i], SIG_IGN);
	if (getpid() == 1)
		signal(SIGCHLD, SIG_IGN); /* so the kernel reaps */
}

bool
signals_was_ignored(int signo)
{
	return sigismember(&signals_ignored, signo) == 1;
}

void
signals_reset(void)
{
	signals_restore();
	for (size_t i = 0; i < N(signals_caught); i++)
		if (!signals_was_ignored(signals_caught[i]))
			signal(signals_caught[i], SIG_DFL);
}

void
signals_restore(void)
{
	for (size_t i = 0; i < N(signals_useless); i++)
		if (!signals_was_ignored(signals_useless[i]))
			signal(signals_useless[i], SIG_DFL);
}

void
signals_note_interrupt(void)
{
	signals_is_interrupted = true;
}

int
signals_end(int status)
{
	if (signals_is_interrupted) {
		signal(SIGINT, SIG_DFL);
		raise(SIGINT);
	}
	return status; /* process 1 of a container goes on */
}
