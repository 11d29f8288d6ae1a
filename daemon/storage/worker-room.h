/*
 * How much room the store takes, and whether that makes it scarce: when the thread measures it. The mutex is held; to
 * measure, it is released meanwhile.
 */
#pragma once

#include "worker-data.h"

/* Finds out whether the store is scarce of room, as it was measured last. */
void worker_room_judge(struct worker *worker);

/* Only in the thread. Measures. */
void worker_room_measure(struct worker *worker);

/* A batch of so many bytes is durable: measures at once if a limit may have been reached, else later. */
void worker_room_measure_after(struct worker *worker, size_t len);

/* Measures if it is time to. Returns whether it was. */
bool worker_room_measure_due(struct worker *worker);
