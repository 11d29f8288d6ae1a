#include "job.h"

#include <stdlib.h>
#include <string.h>

#include "session.h"

struct queued_command *
queued_command_put(void *to, const struct command *row, const struct slice *argv, size_t argc)
{
	struct queued_command *command = to;
	uint8_t *p;

	*command = (struct queued_command){ .row = row, .argc = argc };
	p = (uint8_t *)&command->argv[argc];
	for (size_t i = 0; i < argc; i++) {
		command->argv[i] = (struct slice){ p, argv[i].len };
		p = slice_put(p, argv[i]);
	}
	return command;
}

void
place_clear(struct bus *bus, struct place *place)
{
	if (place->free)
		place->free(bus, place->state);
	*place = (struct place){ 0 };
}

void
job_begin(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv, size_t argc)
{
	struct session_info *info = session_get_info(s);
	struct job *job = info ? calloc(1, sizeof(*job)) : NULL;
	size_t bytes = 0;

	for (size_t i = 0; i < argc; i++)
		bytes += argv[i].len;
	if (job)
		job->command = malloc(queued_command_size(argc, bytes));
	if (!job || !job->command) {
		free(job);
		place_clear(bus, &sessions_of(bus)->place);
		flow_out_of_memory(&bus->flow, &s->client);
		return;
	}
	queued_command_put(job->command, row, argv, argc);
	bus->flow.work.done += argc * WORK_VISIT + WORK_BYTES(bytes);
	job->bytes = queued_command_size(argc, bytes);
	job->place = sessions_of(bus)->place;
	sessions_of(bus)->place = (struct place){ 0 };
	info->job = job;
	s->has_job = true;
	flow_make_ready(&bus->flow, &s->client);
}

void
job_end(struct bus *bus, struct session *s)
{
	struct job *job = s->has_job ? s->info->job : NULL;

	if (!job)
		return;
	place_clear(bus, &job->place);
	free(job->command);
	free(job);
	s->info->job = NULL;
	s->has_job = false;
}
