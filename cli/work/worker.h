/* A worker: takes jobs of streams, has commands do them or prints them, and says what became of them. */
#pragma once

struct plan;

/*
 * Returns the exit status. path: of the command, whose words are in the plan; or NULL, to print. Both must stay until
 * it returns.
 */
int worker_run(const struct plan *plan, const char *path);
