#include "process-pipes.h"

#include <unistd.h>

#include "cleanup.h"
#include "command.h"
#include "last-words.h"
#include "serve-plan.h"

void
process_pipes_init(struct process_pipes *pipes)
{
	*pipes = (struct process_pipes){ .input.fd = -1, .output.fd = -1 };
}

int
process_pipes_start(struct process_pipes *pipes, struct loop *loop, const struct server_plan *plan,
                    struct last_words_list *words, event_callback_fn write_cb, event_callback_fn read_cb, void *arg)
{
	/* Which change from line to line; those of a udsctl that has started this one are not meant. */
	static const struct command_variable variables[] = {
		{ .name = "UDSD_SERVICE" },
		{ .name = "UDSD_UID" },
		{ .name = "UDSD_PID" },
		{ .name = "UDSD_TIMEOUT_MS" },
	};
	struct command command = {
		.path = plan->path,
		.argv = plan->argv,
		.variables = variables,
		.n = sizeof(variables) / sizeof(variables[0]),
		.is_bound = true,
	};
	_cleanup_close_ int input = -1;
	_cleanup_close_ int output = -1;
	_cleanup_close_ int errors = -1;
	int r = pipe_end_open(&pipes->input, loop, true, write_cb, arg, &input);

	if (r == 0)
		r = pipe_end_open(&pipes->output, loop, false, read_cb, arg, &output);
	if (r == 0)
		r = last_words_open(words, &pipes->words, &errors);
	command.input_fd = input;
	command.output = output;
	command.error = errors;
	if (r == 0)
		r = command_start(&command, &pipes->pid);
	if (r == 0)
		return 0;
	process_pipes_close(pipes);
	if (pipes->words)
		last_words_close(words, pipes->words);
	pipes->words = NULL;
	return r;
}

void
process_pipes_close(struct process_pipes *pipes)
{
	pipe_end_close(&pipes->input);
	pipe_end_close(&pipes->output);
}
