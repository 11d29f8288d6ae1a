#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "nearest.h"
#include "num.h"
#include "say.h"

#define OPTIONS_MAX 32

/* What getopt_long() returns for a long option: this and its index. */
#define LONG_ONLY 256

const struct option_row options_global[] = {
	{ "socket", 's', "ADDR", "the daemon's socket: a path, @name or host:port", OPTION_NAME,
	  offsetof(struct options, socket) },
	{ "verbose", 'v', NULL, "report when the connection is lost and made", OPTION_FLAG,
	  offsetof(struct options, verbose) },
	{ "help", 'h', NULL, "show this help", OPTION_FLAG, offsetof(struct options, help) },
	{ "version", 'V', NULL, "show the version", OPTION_FLAG, offsetof(struct options, version) },
	{ 0 },
};

/* The options that are allowed, as getopt_long() wants them. */
struct rules {
	char verb[16];  /* "VERB " or "" */
	char where[16]; /* how messages begin: "VERB: " or "" */
	const struct option_row *rows[OPTIONS_MAX];
	bool is_given[OPTIONS_MAX];
	size_t n, n_global; /* the first so many are the global ones */
	struct option long_options[OPTIONS_MAX + 1];
	char letters[3 + 3 * OPTIONS_MAX];
};

static void
options_add_rows(struct rules *rules, const struct option_row *row)
{
	static const char *const colons[] = {
		[no_argument] = "", [required_argument] = ":", [optional_argument] = "::"
	};
	int has_arg;

	for (; row->name && rules->n < OPTIONS_MAX; row++) {
		has_arg = !row->argument ? no_argument : *row->argument == '[' ? optional_argument : required_argument;
		rules->long_options[rules->n] =
		    (struct option){ .name = row->name, .has_arg = has_arg, .val = LONG_ONLY + (int)rules->n };
		rules->rows[rules->n++] = row;
		if (row->letter)
			sprintf(rules->letters + strlen(rules->letters), "%c%s", row->letter, colons[has_arg]);
	}
}

static const struct option_row *
options_find_row(const struct rules *rules, int value)
{
	if (value >= LONG_ONLY)
		return rules->rows[value - LONG_ONLY];
	for (size_t i = 0; i < rules->n; i++)
		if (value && rules->rows[i]->letter == value)
			return rules->rows[i];
	return NULL;
}

/* getopt_long() did not know an option in `word`; value is its optopt. */
static void
options_report_unknown(const struct rules *rules, const char *word, int value)
{
	const struct option_row *row = options_find_row(rules, value);
	const char *names[OPTIONS_MAX], *nearest, *meant = NULL;
	size_t len = strcspn(word, "="), n_meant = 0;

	if (row) {
		say("%soption '--%s' takes no argument", rules->where, row->name);
		return;
	}
	for (size_t i = 0; i < rules->n; i++) {
		names[i] = rules->rows[i]->name;
		if (*names[i] == value)
			n_meant++, meant = names[i];
	}
	if (value) {
		say("%sunknown option '-%c'; %s%s%sarguments that begin with '-' go behind '--'", rules->where, value,
		    n_meant == 1 ? "did you mean '--" : "", n_meant == 1 ? meant : "", n_meant == 1 ? "'? Else " : "");
		return;
	}
	nearest = len > 2 ? nearest_find(word + 2, len - 2, names, rules->n) : NULL;
	if (nearest)
		say("%sunknown option '%.*s'; did you mean '--%s'?", rules->where, (int)len, word, nearest);
	else
		say("%sunknown option '%.*s'; try 'udsctl %s--help'", rules->where, (int)len, word, rules->verb);
}

/*
 * Whether the word, which an option has taken as its argument, is another option: then the argument was forgotten. What
 * must begin so is written as one word with the option.
 */
static bool
options_is_option(const struct rules *rules, const char *word)
{
	if (word[0] != '-' || !word[1])
		return false;
	if (word[1] == '-')
		return !word[2] || isalpha((unsigned char)word[2]);
	return !word[2] && options_find_row(rules, word[1]);
}

/*
 * Whether the option, which is given now, was given before and would replace what it has said. A flag says the same
 * again, and a list takes more; of the global options, which an alias may have set, the last one holds.
 */
static bool
options_is_repeated(struct rules *rules, const struct option_row *row)
{
	size_t i = 0;
	bool was_given;

	while (rules->rows[i] != row)
		i++;
	was_given = rules->is_given[i];
	rules->is_given[i] = true;
	return was_given && i >= rules->n_global && row->kind != OPTION_FLAG && row->kind != OPTION_LIST;
}

int
options_parse_duration(const char *text, uint64_t *ret_ms)
{
	uint64_t v;

	if (num_parse_u64(text, &v) != 0)
		return num_parse_duration(text, ret_ms);
	return __builtin_mul_overflow(v, (uint64_t)1000, ret_ms) ? -ERANGE : 0;
}

/* Sets the field of the row. Returns NULL, or what was expected instead of the text. */
static const char *
options_set(struct options *o, const struct option_row *row, const char *text)
{
	void *field = (char *)o + row->offset;
	struct option_list *list;
	struct option_rate *rate;
	uint64_t v;

	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)field = true;
		break;
	case OPTION_TEXT:
	case OPTION_NAME:
		*(const char **)field = text;
		break;
	case OPTION_LIST:
		list = field;
		list->texts = memory_resize(list->texts, (list->n + 1) * sizeof(*list->texts));
		list->texts[list->n++] = text;
		break;
	case OPTION_RATE:
		rate = field;
		if (num_parse_rate(text, &rate->count, &rate->period) != 0)
			return "a rate (try 100/s or 6000/m)";
		break;
	case OPTION_SIZE:
		if (num_parse_size(text, &v) != 0 || v == 0)
			return "a size (try 16M)";
		*(uint64_t *)field = v;
		break;
	case OPTION_LIMIT:
		if (options_parse_duration(text, &v) != 0)
			return "a duration (try 5s or 500ms)";
		*(struct option_limit *)field = (struct option_limit){ v, true };
		break;
	case OPTION_COUNT:
		if (num_parse_u64(text ? text : "1", &v) != 0 || v == 0)
			return "a number from 1 on";
		*(uint64_t *)field = v;
		break;
	case OPTION_DURATION:
		if (options_parse_duration(text ? text : "1s", &v) != 0 || v == 0)
			return "a duration (try 5s or 500ms)";
		*(uint64_t *)field = v;
		break;
	case OPTION_TIMEOUT:
		if (options_parse_duration(text, &v) != 0)
			return "a duration (try 5s or 500ms)";
		o->timeout = v;
		o->has_timeout = true;
		break;
	}
	return NULL;
}

/*
 * The argument of the row's option, optarg, or the word behind it where the option may go without and only that can be
 * meant: an argument of a verb that takes none.
 */
static const char *
options_argument(const struct option_row *row, const struct verb *verb, char **argv)
{
	const char *next = argv[optind];

	if (optarg || !row->argument || !verb || verb->args_max > 0 || !next || !isdigit((unsigned char)*next))
		return optarg;
	optind++;
	return next;
}

int
options_parse(struct options *o, const struct verb *verb, int argc, char **argv)
{
	struct rules rules = { 0 };
	const struct option_row *row;
	const char *argument, *expected;
	int value;

	/* '+': options end at the first word; ':': a missing argument is not reported as an unknown option. */
	strcpy(rules.letters, verb ? ":" : "+:");
	options_add_rows(&rules, options_global);
	rules.n_global = rules.n;
	if (verb) {
		options_add_rows(&rules, verb->rows);
		snprintf(rules.verb, sizeof(rules.verb), "%s ", verb->name);
		snprintf(rules.where, sizeof(rules.where), "%s: ", verb->name);
	}
	opterr = 0;
	optind = 0; /* getopt_long() starts afresh */
	/* Before it moves the words; a "--" that an option would take as its argument is refused below. */
	for (int i = 1; verb && i < argc && o->n_behind == 0; i++)
		if (strcmp(argv[i], "--") == 0)
			o->n_behind = (size_t)(argc - i - 1);
	while ((value = getopt_long(argc, argv, rules.letters, rules.long_options, NULL)) != -1) {
		if (value == '?') {
			options_report_unknown(&rules, argv[optind > 0 ? optind - 1 : 0], optopt);
			return -1;
		}
		row = options_find_row(&rules, value == ':' ? optopt : value);
		if (value == ':') {
			say("%soption '--%s' needs an argument: %s", rules.where, row->name, row->argument);
			return -1;
		}
		argument = options_argument(row, verb, argv);
		if (argument && argument == argv[optind - 1] && options_is_option(&rules, argument)) {
			say("%soption '--%s' needs an argument: %s; to mean '%s', say --%s=%s", rules.where, row->name,
			    row->argument, argument, row->name, argument);
			return -1;
		}
		if ((row->kind == OPTION_NAME || row->kind == OPTION_LIST) && !*argument) {
			say("%s--%s: the %s is empty; is a variable unset?", rules.where, row->name, row->argument);
			return -1;
		}
		if (options_is_repeated(&rules, row)) {
			say("%s--%s is given twice", rules.where, row->name);
			return -1;
		}
		expected = options_set(o, row, argument);
		if (expected) {
			say("%s--%s: '%s' is not %s", rules.where, row->name, argument, expected);
			return -1;
		}
	}
	return optind;
}

struct options *
options_new(const struct verb *verb, const struct options *common)
{
	struct options *o = memory_alloc(verb->options_size);

	*o = *common;
	return o;
}

void
options_free(struct options *o, const struct verb *verb)
{
	for (const struct option_row *row = verb->rows; row->name; row++)
		if (row->kind == OPTION_LIST)
			free(((struct option_list *)((char *)o + row->offset))->texts);
	free(o);
}

bool
options_are_apart(const char *verb, const char *a, bool has_a, const char *b, bool has_b)
{
	if (has_a && has_b)
		say("%s: --%s and --%s cannot be combined", verb, a, b);
	return !has_a || !has_b;
}
