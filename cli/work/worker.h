/* A worker: takes jobs of streams, has commands do them or prints them, and says what became of them. */
#pragma once

struct plan;

/* Returns the exit status. The plan must stay until it returns. */
int worker_run(const struct plan *plan);
