#include "verdict.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "children.h"
#include "control.h"
#include "human.h"
#include "plan.h"
#include "say.h"
#include "setup.h"

/* As of timeout(1). */
#define STATUS_TIMED_OUT 124

static void
verdict_send(struct control *c, enum control_kind kind, const struct job *job, const struct slice *words, size_t n)
{
	struct control_request request = { .kind = kind, .stream = job->stream };

	memcpy(request.id, job->id, sizeof(request.id));
	control_send(c, request, words, n);
}

void
verdict_done(struct control *c, const struct plan *plan, const struct job *job)
{
	const struct slice words[] = { slice_of("XACKDEL"),   slice_of(plan->streams[job->stream]),
		                       slice_of(plan->group), slice_of("ACKED"),
		                       slice_of("IDS"),       slice_of("1"),
		                       slice_of(job->id) };

	verdict_send(c, CONTROL_DONE, job, words, sizeof(words) / sizeof(words[0]));
}

/* how: SILENT, FAIL, FATAL or RETURN. text NULL: nothing is kept about it. */
static void
verdict_give_back(struct control *c, const struct plan *plan, const struct job *job, const char *how, int status,
                  const char *text)
{
	char number[16];
	const struct slice words[] = { slice_of("UDSD"),
		                       slice_of("NACK"),
		                       slice_of(plan->streams[job->stream]),
		                       slice_of(plan->group),
		                       slice_of(how),
		                       slice_of(job->id),
		                       slice_of("STATUS"),
		                       { (uint8_t *)number, (size_t)snprintf(number, sizeof(number), "%d", status) },
		                       slice_of("TEXT"),
		                       slice_of(text ?: "") };
	size_t n = sizeof(words) / sizeof(words[0]);

	verdict_send(c, CONTROL_BACK, job, words, text ? n : n - 4);
}

void
verdict_return(struct control *c, const struct plan *plan, const struct job *job)
{
	verdict_give_back(c, plan, job, "RETURN", 0, NULL);
}

void
verdict_unprinted(struct control *c, const struct plan *plan, const struct job *job, const char *why)
{
	char text[128];

	snprintf(text, sizeof(text), "could not be printed: %s", why);
	verdict_give_back(c, plan, job, why ? "SILENT" : "RETURN", EX_IOERR, why ? text : NULL);
}

/* What becomes of a job that was given back: "; again in 4s". */
static void
verdict_foretell(const struct setup_rule *rule, const struct job *job, const char *how, char *text, size_t size)
{
	const char *delay = rule->retry_delay, *next;
	uint64_t n = job->attempt - (job->attempt > 0 && strcmp(how, "SILENT") == 0); /* what is counted */

	*text = '\0';
	if (job->is_lost)
		snprintf(text, size, "; another worker has it");
	else if (strcmp(how, "FATAL") == 0 ||
	         (strcmp(how, "FAIL") == 0 && rule->max_deliveries > 0 && job->attempt >= rule->max_deliveries))
		snprintf(text, size, "; it is dead now");
	if (*text || !rule->is_known)
		return;
	/* The last delay of the list holds for all later attempts. */
	while (n-- > 1 && (next = strchr(delay, ' ')))
		delay = next + 1;
	snprintf(text, size, "; again %s%.*s", *delay ? "in " : "at once", (int)strcspn(delay, " "), delay);
}

/* People are told, too. Returns false if the command has only put the job off. */
static bool
verdict_failed(struct control *c, const struct plan *plan, const struct setup_rule *rule, const struct job *job,
               int status)
{
	int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	const char *how = code == EX_TEMPFAIL ? "SILENT" : code == EX_DATAERR ? "FATAL" : "FAIL";
	char text[128], next[64], why[sizeof(text) + sizeof(job->complaint) + 2];

	children_describe(status, text, sizeof(text));
	if (job->is_timed_out) {
		snprintf(text, sizeof(text), "timed out after %s", human_exact_duration(plan->o->job_timeout).text);
		code = STATUS_TIMED_OUT;
		how = "FAIL";
	} else if (code == EX_TEMPFAIL) {
		snprintf(text, sizeof(text), "was put off with status %d", code);
	}
	verdict_foretell(rule, job, how, next, sizeof(next));
	say("%s %s %s (attempt %" PRIu64 ")%s", plan->streams[job->stream], job->id, text, job->attempt, next);
	snprintf(why, sizeof(why), "%s%s%s", text, job->complaint[0] ? ": " : "", job->complaint);
	if (!job->is_lost) /* else another worker's run counts */
		verdict_give_back(c, plan, job, how, code, why);
	return strcmp(how, "SILENT") != 0;
}

bool
verdict_ended(struct control *c, const struct plan *plan, const struct setup_rule *rule, const struct job *job,
              int status, bool is_ending)
{
	bool is_told = WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		verdict_done(c, plan, job);
		return false;
	}
	/* A service manager, too, ends all processes of a service. */
	if (!job->is_timed_out && (job->is_stopped || (is_ending && is_told))) {
		verdict_return(c, plan, job);
		return false;
	}
	return verdict_failed(c, plan, rule, job, status);
}
