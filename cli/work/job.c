/*
 * Each field is a variable UDSD_FIELD_NAME, beside the message on standard input. All of a job is one piece of memory:
 * the struct, its variables, texts.
 */
#include "job.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "body.h"
#include "buf.h"
#include "entry.h"
#include "loop.h"
#include "memory.h"
#include "num.h"
#include "plan.h"
#include "printable.h"
#include "record.h"
#include "resp-reply.h"

/* More fields, or more of their bytes, are only on standard input. */
#define FIELDS_MAX ((size_t)512)
#define FIELDS_BYTES_MAX ((size_t)512 * 1024)

#define FIELD_PREFIX "UDSD_FIELD_"
#define JOB_VARIABLES ((size_t)5) /* beside the fields */

/* Copies the bytes and a NUL to *p, which it advances. */
static struct slice
job_copy(uint8_t **p, const void *from, size_t len)
{
	struct slice to = { *p, len };

	*p = mempcpy(*p, from, len);
	*(*p)++ = '\0';
	return to;
}

static void
job_set(struct job *job, uint8_t **p, const char *name, const char *value)
{
	job->variables[job->n++] = (struct command_variable){ name, job_copy(p, value, strlen(value)) };
}

static void
job_set_field(struct job *job, uint8_t **p, const struct resp_node *name, const struct resp_node *value)
{
	uint8_t *variable = *p;

	*p = mempcpy(*p, FIELD_PREFIX, strlen(FIELD_PREFIX));
	for (size_t i = 0; i < name->text.len; i++)
		*(*p)++ = isalnum(name->text.p[i]) ? name->text.p[i] : '_';
	*(*p)++ = '\0';
	job->variables[job->n++] =
	    (struct command_variable){ (char *)variable, job_copy(p, value->text.p, value->text.len) };
}

/* What the command reads, or what is printed, without the line end. */
static void
job_put_message(const struct plan *plan, const struct job *job, const struct resp_node *fields, struct buf *b)
{
	json_t *record;

	if (!plan->o->common.json) {
		body_put(fields, b);
		if (plan->clean)
			b->len = printable_clean((char *)b->data, b->len, "\t\n");
		return;
	}
	record = record_new();
	record_set_string(record, "stream", plan->streams[job->stream]);
	record_set_string(record, "id", job->id);
	record_set(record, "attempt", json_integer((json_int_t)job->attempt));
	record_set(record, "fields", body_record(fields));
	record_print(record, b);
	json_decref(record);
}

/* The most bytes that the variables of the job need. */
static size_t
job_variables_size(const struct plan *plan, const struct job *job, const struct resp_node *fields, size_t n)
{
	size_t size = strlen(plan->streams[job->stream]) + strlen(plan->group) + JOB_ID_MAX + NUM_DIGITS_MAX +
	              body_find(fields, ENTRY_SENDER).len + JOB_VARIABLES;

	for (const struct resp_node *name = fields + 1; name < fields + 1 + 2 * n; name += 2)
		size += strlen(FIELD_PREFIX) + name[0].text.len + name[1].text.len + 2;
	return size;
}

/* How many of the fields become variables. */
static size_t
job_count_fields(const struct plan *plan, const struct resp_node *fields)
{
	size_t bytes = 0, n = 0;

	for (; plan->argv && n < fields->elements / 2 && n < FIELDS_MAX; n++) {
		bytes += fields[1 + 2 * n].text.len + fields[2 + 2 * n].text.len;
		if (bytes > FIELDS_BYTES_MAX)
			break;
	}
	return n;
}

static void
job_set_variables(const struct plan *plan, struct job *job, uint8_t **p, const struct resp_node *fields, size_t n)
{
	struct slice sender = body_find(fields, ENTRY_SENDER);
	char attempt[NUM_DIGITS_MAX + 1] = "";

	attempt[num_put_u64(attempt, job->attempt)] = '\0';
	job_set(job, p, "UDSD_STREAM", plan->streams[job->stream]);
	job_set(job, p, "UDSD_GROUP", plan->group);
	job_set(job, p, "UDSD_ID", job->id);
	job_set(job, p, "UDSD_ATTEMPT", attempt);
	/* Set in any case: what the worker itself has in its environment is not about the job. */
	job->variables[job->n++] = (struct command_variable){ "UDSD_SENDER", job_copy(p, sender.p, sender.len) };
	for (const struct resp_node *name = fields + 1; name < fields + 1 + 2 * n; name += 2)
		job_set_field(job, p, &name[0], &name[1]);
}

struct job *
job_new(const struct plan *plan, size_t stream, const struct resp_node *entry)
{
	const struct resp_node *id = entry + 1, *fields = entry + 2, *idle = fields + 1 + fields->elements;
	struct job about = { .stream = stream }, *job;
	struct buf message = { 0 };
	char end = plan->o->null ? '\0' : '\n';
	size_t n;
	uint8_t *p;

	if (entry->type != RESP_ARRAY || entry->elements < 2 || id->type != RESP_BULK || fields->type != RESP_ARRAY ||
	    id->text.len >= JOB_ID_MAX)
		return NULL;
	memcpy(about.id, id->text.p, id->text.len);
	if (entry->elements == 4)
		about.attempt = (uint64_t)idle[1].integer + 1;
	job_put_message(plan, &about, fields, &message);
	if (!plan->o->raw)
		memory_check(buf_append(&message, &end, 1));
	n = job_count_fields(plan, fields);
	job = memory_resize(NULL, sizeof(*job) + (n + JOB_VARIABLES) * sizeof(*job->variables) + message.len + 1 +
	                              job_variables_size(plan, &about, fields, n));
	*job = about;
	job->variables = (struct command_variable *)(job + 1);
	p = (uint8_t *)(job->variables + n + JOB_VARIABLES);
	job->input = job_copy(&p, message.data, message.len);
	job_set_variables(plan, job, &p, fields, n);
	buf_deinit(&message);
	return job;
}

void
job_free(struct job *job)
{
	free(job);
}

struct job *
job_find(const struct job_list *list, size_t stream, const char *id)
{
	struct job *job;

	TAILQ_FOREACH(job, list, link)
		if (job->stream == stream && strcmp(job->id, id) == 0)
			break;
	return job;
}
