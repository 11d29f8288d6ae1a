/*
 * A handler only counts, and wakes the loop by an eventfd. The loop looks after each pass, which is short (work.h).
 *
 * Should the loop hang all the same, SIGALRM ends the process a second after it had to be over. Nothing is lost by that
 * which was not lost already: the kernel closes the sockets, and the next start replaces the socket files.
 */
#include "signals.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#define SIGNALS_MAX 32

volatile sig_atomic_t signals_pending;

/* Handlers take no argument of ours. */
static struct {
	volatile sig_atomic_t has_come[SIGNALS_MAX];
	volatile sig_atomic_t n_stops;
	volatile sig_atomic_t patience_s;
	volatile sig_atomic_t fd;
} state = { .fd = -1 };

static const int caught[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGALRM };
#define N_CAUGHT (sizeof(caught) / sizeof(caught[0]))

static void
signals_give_up(void)
{
	static const char text[] = "udsd: warning: the stop took too long: ended at once\n";

	if (poll(&(struct pollfd){ .fd = STDERR_FILENO, .events = POLLOUT }, 1, 0) > 0)
		(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(EXIT_SUCCESS);
}

void
signals_count_stop(void)
{
	state.n_stops = state.n_stops + 1;
	alarm(state.n_stops == 1 ? (unsigned int)state.patience_s + 1 : 1);
}

/* Calls only what is async-signal-safe. */
static void
signals_handler(int number)
{
	int saved_errno = errno;

	if (number == SIGALRM)
		signals_give_up();
	if (number != SIGHUP)
		signals_count_stop();
	state.has_come[number] = 1;
	signals_pending = 1;
	(void)!write(state.fd, &(uint64_t){ 1 }, sizeof(uint64_t));
	errno = saved_errno;
}

static void
signals_woken_cb(evutil_socket_t fd, short what __attribute__((unused)), void *arg __attribute__((unused)))
{
	uint64_t n;

	(void)!read(fd, &n, sizeof(n));
}

int
signals_init(struct signals *signals, struct event_base *base)
{
	struct sigaction action = { .sa_handler = signals_handler, .sa_flags = SA_RESTART }, old;
	sigset_t none;

	signals->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (signals->fd < 0)
		return -errno;
	event_assign(&signals->event, base, signals->fd, EV_READ | EV_PERSIST, signals_woken_cb, NULL);
	if (event_add(&signals->event, NULL) < 0) {
		close(signals->fd);
		signals->fd = -1;
		return -ENOMEM;
	}
	state.fd = signals->fd;
	state.n_stops = 0;
	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < N_CAUGHT; i++)
		if (caught[i] == SIGTERM || caught[i] == SIGALRM || sigaction(caught[i], NULL, &old) < 0 ||
		    old.sa_handler != SIG_IGN)
			sigaction(caught[i], &action, NULL);
	sigemptyset(&none); /* a mask is inherited as well */
	sigprocmask(SIG_SETMASK, &none, NULL);
	return 0;
}

void
signals_deinit(struct signals *signals)
{
	if (signals->fd < 0)
		return;
	state.fd = -1; /* the process ends; SIGALRM still sees to that */
	event_del(&signals->event);
	close(signals->fd);
	signals->fd = -1;
}

void
signals_set_patience(uint64_t ms)
{
	state.patience_s = (sig_atomic_t)((ms + 999) / 1000);
}

int
signals_next(void)
{
	signals_pending = 0; /* first: one that comes from now on sets it again */
	for (size_t i = 0; i < N_CAUGHT; i++)
		if (state.has_come[caught[i]]) {
			state.has_come[caught[i]] = 0;
			return caught[i];
		}
	return 0;
}

bool
signals_are_urgent(void)
{
	return state.n_stops > 1;
}
