#include "call-result.h"

#include <inttypes.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "answers.h"
#include "buf.h"
#include "memory.h"
#include "output.h"
#include "printable.h"
#include "record.h"
#include "say.h"

#define EXIT_FAILED 1

/* Prints the object, whose values are those that all results have and those that were set already. */
static void
call_result_write(const struct call_result *result, struct output *output, json_t *object)
{
	struct buf text = { 0 };

	if (result->lines)
		record_set(object, "line", json_integer((json_int_t)result->number));
	record_set(object, "microseconds", json_integer((json_int_t)result->us));
	record_print(object, &text);
	json_decref(object);
	output_append(output, text.data, text.len);
	output_append(output, "\n", 1);
	buf_deinit(&text);
}

static void
call_result_append_clean(struct output *output, struct slice answer)
{
	struct buf text = { 0 };

	memory_check(buf_append(&text, answer.p, answer.len));
	output_append(output, text.data, printable_clean((char *)text.data, text.len, "\t\n"));
	buf_deinit(&text);
}

int
call_result_answer(const struct call_result *result, struct output *output, struct slice answer)
{
	static const char several[] = "the answer has several lines; --json prints it as one";
	bool has_end = answer.len > 0 && answer.p[answer.len - 1] == '\n';
	json_t *object;

	if (result->json) {
		object = record_new();
		record_set_bytes(object, "answer", answer);
		call_result_write(result, output, object);
		return EX_OK;
	}
	if (result->lines && answer.len > 0 && memchr(answer.p, '\n', answer.len - has_end)) {
		call_result_error(result, output, slice_of("ERR"), slice_of(several));
		return EX_DATAERR;
	}
	if (result->clean)
		call_result_append_clean(output, answer);
	else
		output_append(output, answer.p, answer.len);
	/* Else the prompt of the shell would stand behind it. */
	if (!has_end && (result->lines || (answer.len > 0 && isatty(STDOUT_FILENO))))
		output_append(output, "\n", 1);
	return EX_OK;
}

void
call_result_error(const struct call_result *result, struct output *output, struct slice code, struct slice text)
{
	json_t *object;

	if (result->json) {
		object = record_new();
		record_set_bytes(object, "error", code);
		record_set_bytes(object, "text", text);
		call_result_write(result, output, object);
	} else if (result->lines) {
		say("line %" PRIu64 ": %.*s", result->number, (int)text.len, (const char *)text.p);
		output_append(output, "\n", 1); /* stands for the answer, so that lines of answers and requests agree */
	} else {
		say("%.*s", (int)text.len, (const char *)text.p);
	}
}

int
call_result_split(struct slice error, struct slice *ret_code, struct slice *ret_text)
{
	static const struct {
		const char *word;
		int status;
	} statuses[] = {
		{ "NOSERVICE", EX_UNAVAILABLE }, { "BUSY", EX_TEMPFAIL },   { "TIMEOUT", EX_TEMPFAIL },
		{ "GONE", EX_TEMPFAIL },         { "FAILED", EXIT_FAILED },
	};
	const uint8_t *blank = memchr(error.p, ' ', error.len);
	size_t len = blank ? (size_t)(blank - error.p) : error.len;
	size_t begin = blank ? len + 1 : len;

	*ret_code = (struct slice){ error.p, len };
	*ret_text = (struct slice){ error.p + begin, error.len - begin };
	if (answers_error_is(&error, "ERR Protocol error: invalid bulk length"))
		*ret_text = slice_of("the request is over max_message");
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (len == strlen(statuses[i].word) && memcmp(error.p, statuses[i].word, len) == 0)
			return statuses[i].status;
	return answers_error_status(&error);
}
