/* Says to the daemon what becomes of a job. It is said again, on other connections, until it is answered. */
#pragma once

struct control;
struct job;
struct plan;

/* The job is acknowledged, and leaves the stream when all groups have done so. */
void verdict_done(struct control *c, const struct plan *plan, const struct job *job);

/* It was not begun, or interrupted here: another worker has it at once, and nothing is counted. */
void verdict_return(struct control *c, const struct plan *plan, const struct job *job);

/* Its command has ended with this status of waitpid(2), which is no success. People are told. */
void verdict_failed(struct control *c, const struct plan *plan, const struct job *job, int status);
