#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <event2/event.h>

#include "cleanup.h"
#include "log.h"

/*
 * A worker whose daemon has died and started again comes back within milliseconds, and claims what it still works on.
 * So in groups that are worked off (UDSD GROUP) what nobody has is released only after so many ms.
 */
#define ORPHANS_MS 2000

static void
store_event_cb(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)), void *arg)
{
	struct store *store = arg;

	streams_collect(&store->streams);
}

/* Copies that nobody has taken away before the daemon ended. */
static void
store_remove_copies(const char *directory)
{
	DIR *d = opendir(directory);
	const struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (fnmatch("backup-[0-9]*.db*", entry->d_name, 0) == 0)
			unlinkat(dirfd(d), entry->d_name, 0);
	if (d)
		closedir(d);
}

/* What is missing above the directory of a user's store, as the XDG base directory specification wants it. */
static void
store_make_parents(const char *directory)
{
	char path[STORE_PATH_MAX + 1];

	snprintf(path, sizeof(path), "%s", directory);
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(path, 0700);
		*p = '/';
	}
}

int
store_open(struct store *store, struct loop *loop, const struct config *whole)
{
	const struct store_config *config = &whole->store;
	_cleanup_free_ char *path = NULL;
	struct storage *storage;
	char error[512];
	bool is_short;
	int r;

	*store = (struct store){ .loop = loop };
	if (strcmp(config->directory, "none") == 0)
		return 0;
	if (config->is_optional)
		store_make_parents(config->directory);
	r = storage_open(config->directory, &config->disk, &storage, error, sizeof(error));
	if (r < 0 && config->is_optional &&
	    (r == -EACCES || r == -ENOENT || r == -ENOTDIR || r == -EROFS || r == -EPERM)) {
		log_warning("there are no streams: %s", error);
		return 0;
	}
	if (r < 0) {
		log_error("cannot open the store: %s", error);
		return r == -EACCES || r == -EPERM ? EX_NOPERM : EX_CONFIG;
	}
	r = streams_init(&store->streams, &loop_bus(loop)->flow, storage, &config->streams);
	if (r < 0) {
		storage_close(storage);
		return EX_CONFIG;
	}
	store->streams.orphans_ms = ORPHANS_MS;
	streams_set_rules(&store->streams, &whole->stream_rules);
	store->is_open = true;
	/* Whoever fetches a backup may be in another directory. */
	path = realpath(config->directory, NULL);
	is_short = path && strlen(path) < sizeof(store->directory);
	snprintf(store->directory, sizeof(store->directory), "%s", is_short ? path : config->directory);
	store->streams.directory = store->directory;
	store_remove_copies(store->directory);
	loop->sessions.streams = &store->streams;
	bus_set_streams(loop_bus(loop), &store->streams, &whole->stream_rules);
	event_assign(&store->event, loop->base, storage_fd(storage), EV_READ | EV_PERSIST, store_event_cb, store);
	if (event_add(&store->event, NULL) == 0) {
		log_info("streams are kept in %s, %zu so far", store->directory, store->streams.table.n);
		return 0;
	}
	log_error("cannot open the store: %s", strerror(ENOMEM));
	return EX_SOFTWARE;
}

void
store_configure(struct store *store, const struct config *config)
{
	if (!store->is_open)
		return;
	storage_set_limits(store->streams.storage, &config->store.disk);
	streams_set_limits(&store->streams, &config->store.streams);
	streams_set_rules(&store->streams, &config->stream_rules);
	bus_set_streams(loop_bus(store->loop), &store->streams, &config->stream_rules);
}

void
store_stop(struct store *store, const struct store_config *config)
{
	struct storage_limits limits = config->disk;

	limits.commit_delay_ms = 0;
	if (!store->is_open)
		return;
	storage_set_limits(store->streams.storage, &limits);
	store->streams.keeps_handouts = true;
}

void
store_close(struct store *store)
{
	if (!store->is_open)
		return;
	event_del(&store->event);
	bus_set_streams(loop_bus(store->loop), NULL, NULL);
	streams_deinit(&store->streams);
	store->loop->sessions.streams = NULL;
	store->is_open = false;
}
