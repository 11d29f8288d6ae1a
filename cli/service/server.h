/* Runs a command for each request to services. */
#pragma once

struct server_plan;

/* Returns the exit status. */
int server_run(const struct server_plan *plan);
