/*
 * The room is not measured with each commit, since that takes longer than a small commit; and on some file systems,
 * after somebody has asked for the size of the log, the next write changes its time, which costs a write more in the
 * flush.
 */
#include "worker-room.h"

/* When the room that is taken is measured: after so many bytes of changes, so long after a commit, while it is scarce.
 */
#define ROOM_MEASURE_BYTES ((size_t)256 * 1024)
#define ROOM_MEASURE_MS 20
#define ROOM_SCARCE_MS 1000

/* Measures the room that is taken at that time, or earlier. */
static void
worker_room_measure_at(struct worker *worker, uint64_t at_ms)
{
	if (at_ms < worker->measure_at_ms)
		worker->measure_at_ms = at_ms;
}

void
worker_room_judge(struct worker *worker)
{
	struct room_reason reason = { "" };
	enum storage_state state = room_judge(&worker->room, &worker->limits, &reason);

	if (worker_state(worker) <= STORAGE_SCARCE)
		worker_set_state(worker, state, reason.text);
	if (worker_state(worker) != STORAGE_OK)
		worker_room_measure_at(worker, worker_now_ms() + ROOM_SCARCE_MS);
}

void
worker_room_measure(struct worker *worker)
{
	struct room room = worker->room;

	pthread_mutex_unlock(&worker->mutex);
	room_measure(&room, &worker->database, &worker->file);
	pthread_mutex_lock(&worker->mutex);
	worker->room = room;
	worker->figures.cpu_us = worker_clock_us(CLOCK_THREAD_CPUTIME_ID);
	worker->unmeasured = 0;
	worker->measure_at_ms = UINT64_MAX;
	worker_room_judge(worker); /* measures again soon while room is scarce */
}

void
worker_room_measure_after(struct worker *worker, size_t len)
{
	worker->unmeasured += len;
	if (worker_state(worker) != STORAGE_OK || room_is_close(&worker->room, &worker->limits, worker->unmeasured))
		worker_room_measure(worker);
	else
		worker_room_measure_at(worker,
		                       worker->unmeasured < ROOM_MEASURE_BYTES ? worker_now_ms() + ROOM_MEASURE_MS : 0);
}

bool
worker_room_measure_due(struct worker *worker)
{
	if (worker->measure_at_ms > worker_now_ms())
		return false;
	worker_room_measure(worker);
	return true; /* more may have come while the mutex was released */
}
