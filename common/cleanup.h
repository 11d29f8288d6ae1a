/* Release of local resources at the end of their scope. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void
cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void
cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void
cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define _cleanup_free_ __attribute__((cleanup(cleanup_free)))
#define _cleanup_close_ __attribute__((cleanup(cleanup_close)))
#define _cleanup_fclose_ __attribute__((cleanup(cleanup_fclose)))

/* Hands a local descriptor over to its new owner: the cleanup attribute then finds nothing to close. */
#define TAKE_FD(fd)                                                                                                    \
	({                                                                                                             \
		int t_ = (fd);                                                                                         \
		(fd) = -1;                                                                                             \
		t_;                                                                                                    \
	})
