/* Says to the daemon what becomes of a job. It is said again, on other connections, until it is answered. */
#pragma once

#include <stdbool.h>

struct control;
struct job;
struct plan;
struct setup_rule;

/* The job is acknowledged, and leaves the stream when all groups have done so. */
void verdict_done(struct control *c, const struct plan *plan, const struct job *job);

/* It was not begun, or interrupted here: another worker has it at once, and nothing is counted. */
void verdict_return(struct control *c, const struct plan *plan, const struct job *job);

/* It cannot be printed: another worker has it, at once or, for this reason if there is one, after the delay; nothing is
 * counted. */
void verdict_unprinted(struct control *c, const struct plan *plan, const struct job *job, const char *why);

/*
 * Its command has ended with this status of waitpid(2): it is done, or given back if that was interrupted here, or it
 * has failed, of which people are told. Returns whether it has failed. rule: of its stream, for what people are
 * told. is_ending: udsctl was told to end.
 */
bool verdict_ended(struct control *c, const struct plan *plan, const struct setup_rule *rule, const struct job *job,
                   int status, bool is_ending);
