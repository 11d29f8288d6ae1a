/* The parser of requests, at every split of its input. */
#include "resp-request.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "prng.h"
#include "resp-encode.h"

#define MAX_BULK ((size_t)1024 * 1024)
#define ARGS_MAX 8

struct sample {
	const char *input;
	size_t len;
	size_t argc;
	struct slice argv[ARGS_MAX];
};

#define A(text)                                                                                                        \
	{                                                                                                              \
		(const uint8_t *)(text), sizeof(text) - 1                                                              \
	}
#define SAMPLE(text, n, ...)                                                                                           \
	{                                                                                                              \
		(text), sizeof(text) - 1, (n),                                                                         \
		{                                                                                                      \
			__VA_ARGS__                                                                                    \
		}                                                                                                      \
	}

static const struct sample samples[] = {
	/* arrays */
	SAMPLE("*1\r\n$4\r\nPING\r\n", 1, A("PING")),
	SAMPLE("*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", 2, A("ECHO"), A("")),
	SAMPLE("*3\r\n$7\r\nPUBLISH\r\n$1\r\nx\r\n$11\r\n12\r\n$3\r\nab\0\r\n", 3, A("PUBLISH"), A("x"),
	       A("12\r\n$3\r\nab\0")),
	SAMPLE("*5\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n", 5, A(""), A(""), A(""), A(""), A("")),
	SAMPLE("*2\r\n$10\r\n0123456789\r\n$11\r\n0123456789a\r\n", 2, A("0123456789"), A("0123456789a")),
	SAMPLE("*0\r\n", 0, A("")),
	SAMPLE("*-1\r\n", 0, A("")),
	SAMPLE("*-1000000000000\r\n", 0, A("")),
	/* like Redis, what stands in the place of a newline, or of a CRLF behind an argument, is not looked at */
	SAMPLE("*1\rX$4\rYPINGZZ", 1, A("PING")),
	/* lines */
	SAMPLE("PING\r\n", 1, A("PING")),
	SAMPLE("PING\n", 1, A("PING")),
	SAMPLE("\n", 0, A("")),
	SAMPLE("\r\n", 0, A("")),
	SAMPLE(" \t \r\n", 0, A("")),
	SAMPLE("  PUBLISH\tx   y  \r\n", 3, A("PUBLISH"), A("x"), A("y")),
	/* a vertical tab and a form feed are blanks before a word, but do not end one; so it is in Redis */
	SAMPLE("\v\fa\vb\fc\rd \v e\r\n", 3, A("a\vb\fc"), A("d"), A("e")),
	SAMPLE("ECHO \"a b\"\r\n", 2, A("ECHO"), A("a b")),
	SAMPLE("ECHO \"\"\r\n", 2, A("ECHO"), A("")),
	SAMPLE("\"\" ''\r\n", 2, A(""), A("")),
	SAMPLE("ECHO \"\\x41\\x0a\\xfF\\x00\"\r\n", 2, A("ECHO"), A("A\n\xff\0")),
	SAMPLE("ECHO \"\\n\\r\\t\\b\\a\\\\\\\"\\q\"\r\n", 2, A("ECHO"), A("\n\r\t\b\a\\\"q")),
	SAMPLE("ECHO \"\\xg0\\x1\"\r\n", 2, A("ECHO"), A("xg0x1")),
	SAMPLE("ECHO 'a b' 'it\\'s' 'a\\nb' '\"'\r\n", 5, A("ECHO"), A("a b"), A("it's"), A("a\\nb"), A("\"")),
	SAMPLE("ECHO \"'\"\r\n", 2, A("ECHO"), A("'")),
	SAMPLE("a\"b c\" d'e f'\r\n", 2, A("ab c"), A("de f")),
	SAMPLE("a\\ b\\\r\n", 2, A("a\\"), A("b\\")),
	SAMPLE("$4\r\n", 1, A("$4")),
	SAMPLE("a *1\r\n", 2, A("a"), A("*1")),
	SAMPLE("\xff\x80 \xfe\r\n", 2, A("\xff\x80"), A("\xfe")),
};

#define N_SAMPLES (sizeof(samples) / sizeof(samples[0]))

/* Parses a copy that ends where the input ends, so that a look behind it is found. The copy stays for the slices. */
struct parser {
	struct resp_request request;
	struct resp_progress progress;
	uint8_t *copy;
	size_t calls;
};

static enum resp_request_status
parse(struct parser *parser, const void *input, size_t len, size_t max_bulk)
{
	free(parser->copy);
	parser->copy = malloc(len > 0 ? len : 1);
	assert_non_null(parser->copy);
	memcpy(parser->copy, input, len);
	parser->calls++;
	return resp_request_parse(&parser->request, &parser->progress, parser->copy, len, max_bulk);
}

static void
parser_deinit(struct parser *parser)
{
	resp_request_deinit(&parser->request);
	free(parser->copy);
}

static bool
is_zero(const struct resp_progress *progress)
{
	return progress->at == 0 && progress->argc == 0 && progress->count == 0;
}

static void
expect_sample(const struct parser *parser, const struct sample *sample)
{
	const struct resp_request *r = &parser->request;

	assert_int_equal(r->used, sample->len);
	assert_int_equal(r->argc, sample->argc);
	for (size_t i = 0; i < sample->argc; i++) {
		assert_int_equal(r->argv[i].len, sample->argv[i].len);
		assert_memory_equal(r->argv[i].p, sample->argv[i].p, sample->argv[i].len);
	}
	assert_true(is_zero(&parser->progress));
}

static void
every_prefix_asks_for_more(void **state __attribute__((unused)))
{
	struct parser parser = { 0 };

	for (size_t i = 0; i < N_SAMPLES; i++) {
		const struct sample *sample = &samples[i];

		for (size_t len = 0; len < sample->len; len++) {
			assert_int_equal(parse(&parser, sample->input, len, MAX_BULK), RESP_REQUEST_MORE);
			assert_true(parser.request.need > len);
			assert_true(parser.request.need <= sample->len);
			parser.progress = (struct resp_progress){ 0 };
		}
		assert_int_equal(parse(&parser, sample->input, sample->len, MAX_BULK), RESP_REQUEST_OK);
		expect_sample(&parser, sample);
	}
	parser_deinit(&parser);
}

/* What comes behind a request is none of its business. */
static void
rest_is_left_alone(void **state __attribute__((unused)))
{
	struct parser parser = { 0 };

	for (size_t i = 0; i < N_SAMPLES; i++)
		for (size_t k = 0; k < N_SAMPLES; k++) {
			struct buf both = { 0 };

			buf_append(&both, samples[i].input, samples[i].len);
			buf_append(&both, samples[k].input, samples[k].len);
			assert_int_equal(parse(&parser, both.data, both.len, MAX_BULK), RESP_REQUEST_OK);
			expect_sample(&parser, &samples[i]);
			buf_deinit(&both);
		}
	parser_deinit(&parser);
}

/* Feeds an input in steps as input.c does: the parser is called only when `need` bytes are there. */
static enum resp_request_status
feed(struct parser *parser, const uint8_t *input, size_t len, size_t max_bulk, struct prng *steps)
{
	enum resp_request_status status = RESP_REQUEST_MORE;
	size_t need = 1, have = 0;

	parser->progress = (struct resp_progress){ 0 };
	parser->calls = 0;
	while (status == RESP_REQUEST_MORE && have < len) {
		have += steps ? 1 + prng_below(steps, 20) : 1;
		have = have < len ? have : len;
		if (have < need)
			continue;
		status = parse(parser, input, have, max_bulk);
		if (status == RESP_REQUEST_MORE) {
			assert_true(parser->request.need > have);
			assert_true(parser->request.need <= len);
			need = parser->request.need;
		}
	}
	return status;
}

static void
fed_in_steps(void **state __attribute__((unused)))
{
	struct parser parser = { 0 };
	struct prng prng;

	prng_init(&prng, prng_seed());
	for (size_t i = 0; i < N_SAMPLES; i++)
		for (int round = 0; round < 50; round++) {
			const struct sample *sample = &samples[i];

			assert_int_equal(
			    feed(&parser, (const uint8_t *)sample->input, sample->len, MAX_BULK, round ? &prng : NULL),
			    RESP_REQUEST_OK);
			expect_sample(&parser, sample);
		}
	parser_deinit(&parser);
}

/* Progress names the first argument that is not there yet. */
static void
progress_of_prefixes(void **state __attribute__((unused)))
{
	static const char input[] = "*3\r\n$1\r\na\r\n$2\r\nbc\r\n$3\r\ndef\r\n";
	struct parser parser = { 0 };

	for (size_t len = 4; len < sizeof(input) - 1; len++) {
		size_t argc = len < 11 ? 0 : len < 19 ? 1 : 2;

		parser.progress = (struct resp_progress){ 0 };
		assert_int_equal(parse(&parser, input, len, MAX_BULK), RESP_REQUEST_MORE);
		assert_int_equal(parser.progress.count, 3);
		assert_int_equal(parser.progress.argc, argc);
		assert_int_equal(parser.progress.at, argc == 0 ? 4 : argc == 1 ? 11 : 19);
	}
	parser_deinit(&parser);
}

/* Random requests of arguments with any bytes, encoded by the other module. */
static void
random_arrays(void **state __attribute__((unused)))
{
	struct parser parser = { 0 };
	struct prng prng;
	uint8_t bytes[512];

	prng_init(&prng, prng_seed());
	for (int round = 0; round < 2000; round++) {
		struct sample sample = { .argc = 1 + prng_below(&prng, ARGS_MAX) };
		char *input;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)prng_next(&prng);
		for (size_t i = 0; i < sample.argc; i++)
			sample.argv[i] = (struct slice){ bytes + prng_below(&prng, 256), prng_below(&prng, 256) };
		input = malloc(resp_command_size(sample.argv, sample.argc));
		assert_non_null(input);
		sample.len = resp_put_command(input, sample.argv, sample.argc);
		assert_int_equal(feed(&parser, (uint8_t *)input, sample.len, MAX_BULK, &prng), RESP_REQUEST_OK);
		expect_sample(&parser, &sample);
		free(input);
	}
	parser_deinit(&parser);
}

/* Each byte value, in an argument of an array and escaped in a line. */
static void
every_byte_value(void **state __attribute__((unused)))
{
	struct parser parser = { 0 };
	uint8_t all[256];
	struct slice argv[2] = { A("ECHO"), { all, sizeof(all) } };
	char array[400];
	struct buf line = { 0 };

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)i;
	assert_int_equal(parse(&parser, array, resp_put_command(array, argv, 2), MAX_BULK), RESP_REQUEST_OK);
	assert_int_equal(parser.request.argc, 2);
	assert_int_equal(parser.request.argv[1].len, 256);
	assert_memory_equal(parser.request.argv[1].p, all, 256);
	buf_printf(&line, "ECHO \"");
	for (unsigned int i = 0; i < 256; i++)
		buf_printf(&line, i % 2 ? "\\x%02x" : "\\x%02X", i);
	buf_printf(&line, "\"\r\n");
	assert_int_equal(parse(&parser, line.data, line.len, MAX_BULK), RESP_REQUEST_OK);
	assert_int_equal(parser.request.argc, 2);
	assert_int_equal(parser.request.argv[1].len, 256);
	assert_memory_equal(parser.request.argv[1].p, all, 256);
	buf_deinit(&line);
	parser_deinit(&parser);
}

static void
errors(void **state __attribute__((unused)))
{
	static const struct {
		const char *input, *text;
	} table[] = {
		{ "*x\r\n", "invalid multibulk length" },
		{ "*\r\n", "invalid multibulk length" },
		{ "*1x\r\n", "invalid multibulk length" },
		{ "*+1\r\n", "invalid multibulk length" },
		{ "*01\r\n", "invalid multibulk length" },
		{ "*00\r\n", "invalid multibulk length" },
		{ "*-0\r\n", "invalid multibulk length" },
		{ "* 1\r\n", "invalid multibulk length" },
		{ "*1 \r\n", "invalid multibulk length" },
		{ "*2147483648\r\n", "invalid multibulk length" },
		{ "*12345678901\r\n", "invalid multibulk length" },
		{ "*9223372036854775808\r\n", "invalid multibulk length" },
		{ "*99999999999999999999999\r\n", "invalid multibulk length" },
		{ "*1\r\nPING\r\n", "expected '$', got 'P'" },
		{ "*2\r\n$4\r\nECHO\r\n:1\r\n", "expected '$', got ':'" },
		{ "*1\r\n*\r\n", "expected '$', got '*'" },
		{ "*1\r\n$\r\n", "invalid bulk length" },
		{ "*1\r\n$-1\r\n", "invalid bulk length" },
		{ "*1\r\n$x\r\n", "invalid bulk length" },
		{ "*1\r\n$1x\r\n", "invalid bulk length" },
		{ "*1\r\n$01\r\n", "invalid bulk length" },
		{ "*1\r\n$+1\r\n", "invalid bulk length" },
		{ "*1\r\n$1048577\r\n", "invalid bulk length" },
		{ "*1\r\n$9223372036854775807\r\n", "invalid bulk length" },
		{ "*1\r\n$18446744073709551615\r\n", "invalid bulk length" },
		{ "ECHO \"abc\r\n", "unbalanced quotes in request" },
		{ "ECHO 'abc\r\n", "unbalanced quotes in request" },
		{ "ECHO \"a\"b\r\n", "unbalanced quotes in request" },
		{ "ECHO 'a'b\r\n", "unbalanced quotes in request" },
		{ "ECHO \"\"\"\"\r\n", "unbalanced quotes in request" },
		{ "ECHO \"abc\\\"\r\n", "unbalanced quotes in request" },
		{ "ECHO 'abc\\'\r\n", "unbalanced quotes in request" },
		{ "ECHO \"abc\\\r\n", "unbalanced quotes in request" },
		{ "a\"\r\n", "unbalanced quotes in request" },
		{ "\"\r\n", "unbalanced quotes in request" },
	};
	struct parser parser = { 0 };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t len = strlen(table[i].input);

		parser.progress = (struct resp_progress){ 0 };
		assert_int_equal(parse(&parser, table[i].input, len, MAX_BULK), RESP_REQUEST_ERROR);
		assert_string_equal(parser.request.error, table[i].text);
		assert_int_equal(feed(&parser, (const uint8_t *)table[i].input, len, MAX_BULK, NULL),
		                 RESP_REQUEST_ERROR);
		assert_string_equal(parser.request.error, table[i].text);
	}
	parser_deinit(&parser);
}

/* The header promises it: only a request that must have more leaves progress behind. */
static void
no_progress_after_an_error(void **state __attribute__((unused)))
{
	static const char input[] = "*2\r\n$4\r\nECHO\r\n:1\r\n";
	struct parser parser = { 0 };

	assert_int_equal(feed(&parser, (const uint8_t *)input, sizeof(input) - 1, MAX_BULK, NULL), RESP_REQUEST_ERROR);
	assert_true(is_zero(&parser.progress));
	parser_deinit(&parser);
}

/* `begin`, then n times c, then `end`. */
static void
put_long(struct buf *b, const char *begin, char c, size_t n, const char *end)
{
	b->len = 0;
	assert_int_equal(buf_append(b, begin, strlen(begin)), 0);
	assert_int_equal(buf_reserve(b, n), 0);
	memset(b->data + b->len, c, n);
	b->len += n;
	assert_int_equal(buf_append(b, end, strlen(end)), 0);
}

static void
expect_error(struct parser *parser, const struct buf *b, const char *error)
{
	parser->progress = (struct resp_progress){ 0 };
	assert_int_equal(parse(parser, b->data, b->len, MAX_BULK), RESP_REQUEST_ERROR);
	assert_string_equal(parser->request.error, error);
}

static void
line_limits(void **state __attribute__((unused)))
{
	struct parser parser = { 0 };
	struct buf b = { 0 };

	/* The newline is the last byte of the 64 KiB. */
	put_long(&b, "", 'a', PROTOCOL_LINE_MAX - 1, "\n");
	assert_int_equal(parse(&parser, b.data, b.len, MAX_BULK), RESP_REQUEST_OK);
	assert_int_equal(parser.request.argc, 1);
	assert_int_equal(parser.request.argv[0].len, PROTOCOL_LINE_MAX - 1);
	assert_int_equal(parse(&parser, b.data, b.len - 1, MAX_BULK), RESP_REQUEST_MORE);
	put_long(&b, "", 'a', PROTOCOL_LINE_MAX, "\n");
	assert_int_equal(parse(&parser, b.data, b.len, MAX_BULK), RESP_REQUEST_ERROR);
	assert_string_equal(parser.request.error, "too big inline request");
	assert_int_equal(parse(&parser, b.data, b.len - 1, MAX_BULK), RESP_REQUEST_ERROR);
	assert_string_equal(parser.request.error, "too big inline request");
	/* As many arguments as a line can have. */
	b.len = 0;
	for (size_t i = 0; i < PROTOCOL_LINE_MAX / 2 - 1; i++)
		buf_append(&b, "a ", 2);
	buf_append(&b, "a\n", 2);
	assert_int_equal(parse(&parser, b.data, b.len, MAX_BULK), RESP_REQUEST_OK);
	assert_int_equal(parser.request.argc, PROTOCOL_LINE_MAX / 2);
	/* Header lines without an end. */
	put_long(&b, "*", '1', PROTOCOL_LINE_MAX, "");
	assert_int_equal(parse(&parser, b.data, b.len - 1, MAX_BULK), RESP_REQUEST_MORE);
	assert_int_equal(parse(&parser, b.data, b.len, MAX_BULK), RESP_REQUEST_ERROR);
	assert_string_equal(parser.request.error, "too big mbulk count string");
	put_long(&b, "*1\r\n$", '1', PROTOCOL_LINE_MAX, "");
	parser.progress = (struct resp_progress){ 0 };
	assert_int_equal(parse(&parser, b.data, b.len - 1, MAX_BULK), RESP_REQUEST_MORE);
	assert_int_equal(parse(&parser, b.data, b.len, MAX_BULK), RESP_REQUEST_ERROR);
	assert_string_equal(parser.request.error, "too big bulk count string");
	/* The same where the end has come along: how the bytes are cut into reads makes no difference. */
	put_long(&b, "*", '1', PROTOCOL_LINE_MAX, "\r\n");
	expect_error(&parser, &b, "too big mbulk count string");
	put_long(&b, "*1\r\n$", '1', PROTOCOL_LINE_MAX, "\r\n");
	expect_error(&parser, &b, "too big bulk count string");
	put_long(&b, "*1\r\n", 'x', PROTOCOL_LINE_MAX, "\r\n");
	expect_error(&parser, &b, "too big bulk count string");
	put_long(&b, "*1\r\n", 'x', PROTOCOL_LINE_MAX - 1, "\r\n");
	expect_error(&parser, &b, "expected '$', got 'x'");
	buf_deinit(&b);
	parser_deinit(&parser);
}

static void
size_limits(void **state __attribute__((unused)))
{
	struct parser parser = { 0 };
	struct buf b = { 0 };
	size_t header;

	assert_int_equal(parse(&parser, "*1\r\n$1000\r\n", 11, 1000), RESP_REQUEST_MORE);
	assert_int_equal(parser.request.need, 11 + 1000 + 2);
	parser.progress = (struct resp_progress){ 0 };
	assert_int_equal(parse(&parser, "*1\r\n$1001\r\n", 11, 1000), RESP_REQUEST_ERROR);
	parser.progress = (struct resp_progress){ 0 };
	assert_int_equal(parse(&parser, "*65536\r\n", 8, 1000), RESP_REQUEST_MORE);
	parser.progress = (struct resp_progress){ 0 };
	/* Arguments of the greatest length until together they are too long: max_bulk and PROTOCOL_REQUEST_ROOM. */
	buf_printf(&b, "*60000\r\n");
	header = b.len;
	for (;;) {
		size_t before = b.len;
		enum resp_request_status status;

		buf_printf(&b, "$1000\r\n");
		parser.progress = (struct resp_progress){ 0 };
		status = parse(&parser, b.data, b.len, 1000);
		if (b.len + 1000 > 1000 + PROTOCOL_REQUEST_ROOM) {
			assert_int_equal(status, RESP_REQUEST_ERROR);
			assert_string_equal(parser.request.error, "too big request");
			break;
		}
		assert_int_equal(status, RESP_REQUEST_MORE);
		assert_true(b.len == before + 7 && b.len > header);
		assert_int_equal(buf_reserve(&b, 1002), 0);
		memset(b.data + b.len, 'x', 1002);
		b.len += 1002;
	}
	buf_deinit(&b);
	parser_deinit(&parser);
}

/* Only a request that lacks nothing but the rest of its last argument says where that begins. */
static void
tail_of_prefixes(void **state __attribute__((unused)))
{
	static const char input[] = "*3\r\n$1\r\na\r\n$2\r\nbc\r\n$11\r\ndefghijklmn\r\n";
	const size_t begin = 24, end = sizeof(input) - 1;
	struct parser parser = { 0 };

	for (size_t len = 0; len < end; len++) {
		parser.progress = (struct resp_progress){ 0 };
		assert_int_equal(parse(&parser, input, len, MAX_BULK), RESP_REQUEST_MORE);
		assert_int_equal(parser.request.tail_offset, len >= begin ? begin : 0);
		if (len >= begin) {
			assert_int_equal(parser.request.tail_len, 11);
			assert_int_equal(parser.request.need, end);
		}
	}
	parser_deinit(&parser);
}

static void
added_tail(void **state __attribute__((unused)))
{
	struct parser parser = { 0 };
	uint8_t tail[] = "elsewhere";
	struct slice argv[40];
	char input[1024];

	/* With so many arguments before it that the array of slices has to grow in between. */
	for (size_t n = 1; n <= 40; n++) {
		size_t len;

		for (size_t i = 0; i < n; i++)
			argv[i] = (struct slice){ (const uint8_t *)"abcdefghi", 9 };
		len = resp_put_command(input, argv, n) - 9 - 2;
		parser.progress = (struct resp_progress){ 0 };
		assert_int_equal(parse(&parser, input, len, MAX_BULK), RESP_REQUEST_MORE);
		assert_int_equal(parser.request.tail_offset, len);
		assert_int_equal(parser.request.tail_len, 9);
		resp_request_add_tail(&parser.request, tail);
		assert_int_equal(parser.request.argc, n);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(parser.request.argv[i].len, 9);
			assert_memory_equal(parser.request.argv[i].p, i < n - 1 ? "abcdefghi" : "elsewhere", 9);
		}
		assert_ptr_equal(parser.request.argv[n - 1].p, tail);
	}
	parser_deinit(&parser);
}

/* Feeds without copying, as the cost of that would hide the parser's. Returns the number of calls. */
static size_t
count_calls(const struct buf *b)
{
	struct resp_request request = { 0 };
	struct resp_progress progress = { 0 };
	enum resp_request_status status = RESP_REQUEST_MORE;
	size_t need = 1, calls = 0;

	for (size_t have = 1; have <= b->len; have++) {
		if (have < need)
			continue;
		status = resp_request_parse(&request, &progress, b->data, have, (size_t)16 * 1024 * 1024);
		calls++;
		if (status != RESP_REQUEST_MORE) {
			assert_int_equal(have, b->len);
			break;
		}
		assert_true(request.need > have);
		assert_true(request.need <= b->len);
		need = request.need;
	}
	assert_int_equal(status, RESP_REQUEST_OK);
	resp_request_deinit(&request);
	return calls;
}

static void
put_arguments(struct buf *b, size_t n, size_t len)
{
	b->len = 0;
	buf_printf(b, "*%zu\r\n", n);
	for (size_t i = 0; i < n; i++) {
		buf_printf(b, "$%zu\r\n", len);
		assert_int_equal(buf_reserve(b, len + 2), 0);
		memset(b->data + b->len, 'x', len + 2);
		b->len += len + 2;
	}
}

/* However slowly a megabyte comes, the parser is called a few times for each header, not for each byte. */
static void
slow_input_costs_little(void **state __attribute__((unused)))
{
	static const size_t lens[] = { 1024 * 1024, 16384, 1000, 100, 10, 1, 0 };
	struct buf b = { 0 };

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		size_t n = lens[i] > 0 ? 1024 * 1024 / (lens[i] + 6) + 1 : PROTOCOL_ARGS_MAX;

		if (n > PROTOCOL_ARGS_MAX)
			n = PROTOCOL_ARGS_MAX;

		put_arguments(&b, n, lens[i]);
		assert_true(count_calls(&b) <= 12 * (n + 1));
	}
	buf_deinit(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_prefix_asks_for_more),
		cmocka_unit_test(rest_is_left_alone),
		cmocka_unit_test(fed_in_steps),
		cmocka_unit_test(progress_of_prefixes),
		cmocka_unit_test(random_arrays),
		cmocka_unit_test(every_byte_value),
		cmocka_unit_test(errors),
		cmocka_unit_test(no_progress_after_an_error),
		cmocka_unit_test(line_limits),
		cmocka_unit_test(size_limits),
		cmocka_unit_test(tail_of_prefixes),
		cmocka_unit_test(added_tail),
		cmocka_unit_test(slow_input_costs_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
