/*
 * A thread reads the file, looks up the names, and gives a whole struct config by its pointer. A child process would
 * have to write the configuration in a form that is read again, and its fork would stop the loop for as long as it
 * takes to copy the page tables of a daemon that holds many messages.
 *
 * The thread touches nothing but what it makes, and the options, which never change. It takes no signals. If there can
 * be no thread, the file is read at once: a reload that blocks is better than none.
 */
#include "loader.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "options.h"

/* Modules of the name service take more than a small stack. */
#define STACK_SIZE ((size_t)1024 * 1024)

static void *
loader_run(void *arg)
{
	struct loader *loader = arg;

	/*
	 * That there is no file is a mistake: the defaults would close the listeners of a file that is just being
	 * replaced, and open its channels to everybody.
	 */
	loader->config = options_load_config(loader->options, true, &loader->mistakes);
	(void)!write(loader->fd, &(uint64_t){ 1 }, sizeof(uint64_t));
	return NULL;
}

static void
loader_done_cb(evutil_socket_t fd, short what __attribute__((unused)), void *arg)
{
	struct loader *loader = arg;
	uint64_t n;

	if (read(fd, &n, sizeof(n)) < 0)
		return;
	if (loader->has_thread)
		pthread_join(loader->thread, NULL);
	loader->is_busy = false;
	loader->on_loaded(loader->arg, loader->config, &loader->mistakes);
}

int
loader_init(struct loader *loader, struct event_base *base,
            void (*on_loaded)(void *arg, struct config *config, struct buf *mistakes), void *arg)
{
	*loader = (struct loader){ .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .on_loaded = on_loaded, .arg = arg };
	if (loader->fd < 0)
		return -errno;
	event_assign(&loader->event, base, loader->fd, EV_READ | EV_PERSIST, loader_done_cb, loader);
	if (event_add(&loader->event, NULL) == 0)
		return 0;
	close(loader->fd);
	loader->fd = -1;
	return -ENOMEM;
}

void
loader_deinit(struct loader *loader)
{
	if (loader->fd < 0)
		return;
	event_del(&loader->event);
	if (!loader->is_busy)
		close(loader->fd);
}

bool
loader_is_busy(const struct loader *loader)
{
	return loader->is_busy;
}

void
loader_begin(struct loader *loader, const struct options *options)
{
	sigset_t all, old;
	pthread_attr_t attr;

	loader->is_busy = true;
	loader->options = options;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	loader->has_thread = pthread_create(&loader->thread, &attr, loader_run, loader) == 0;
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!loader->has_thread)
		loader_run(loader);
}
