/* Which part of a queue is held, see outq.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "outq.h"

/*
 * Lets no message overtake what was held by a commit that is done. Call for a held queue before messages are pushed,
 * and after it was written. Returns the number of spans that it looked at, or -ENOMEM.
 */
int64_t outq_release(struct outq *q);

/* From now on, messages go behind all that is queued now. Returns 0 or -ENOMEM. */
int outq_pin(struct outq *q);

/*
 * The replies between these two calls are one answer, which no message may come into. Nothing is written, and no
 * message is pushed, in between. outq_begin_answer() returns 0 and a number for outq_end_answer(); or -ENOMEM. The
 * first reply must not lengthen the span before it. is_pinned: messages go behind the answer. outq_end_answer()
 * returns the number of spans that it looked at.
 */
int outq_begin_answer(struct outq *q, uint32_t *ret_at);
uint32_t outq_end_answer(struct outq *q, uint32_t at, bool is_pinned);
