/* What clients of streams send in the works, and the exact answers. In RESP: other servers have no such streams. */
#pragma once

#include "protocol.h"

/* Makes n entries with a payload of that size; ids are known, and begin with number `first` from 1. */
void stream_script_fill(const char *stream, unsigned int first, unsigned int n, unsigned int size, struct exchange *x);

/* Makes one entry in each of n streams whose names end with numbers from `first` on. */
void stream_script_spread(unsigned int first, unsigned int n, unsigned int size, struct exchange *x);

/* Makes a group that has read nothing. */
void stream_script_group(const char *stream, const char *group, struct exchange *x);

/* A consumer of the group gets the next n entries, which begin with number `first` of stream_script_fill(). */
void stream_script_take(const char *stream, const char *group, unsigned int first, unsigned int n, unsigned int size,
                        struct exchange *x);

/* It acknowledges these. */
void stream_script_done(const char *stream, const char *group, unsigned int first, unsigned int n, struct exchange *x);

/* The group begins at the first entry again. */
void stream_script_rewind(const char *stream, const char *group, struct exchange *x);

/* A reader waits for what follows an id. */
void stream_script_wait(const char *stream, const char *last, struct buf *request);

/* A page of at most n entries behind an id. */
void stream_script_page(const char *stream, const char *last, unsigned int n, struct buf *request);
