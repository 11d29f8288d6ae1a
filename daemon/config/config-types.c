#include "config-types.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "access.h"
#include "addr.h"
#include "human.h"
#include "limits.h"
#include "listener-mode.h"
#include "log.h"
#include "num.h"
#include "protocol.h"
#include "store-config.h"
#include "stream-delays.h"
#include "userdb.h"

static int __attribute__((format(printf, 2, 3))) type_fail(struct config_error *error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(error->text, sizeof(error->text), format, ap);
	va_end(ap);
	return -EINVAL;
}

static int
type_parse_log_level(const char *text, void *at, struct config_error *ret_error)
{
	return log_level_parse(text, at);
}

static void
type_print_log_level(const void *at, FILE *out)
{
	fputs(log_level_name(*(const enum log_level *)at), out);
}

const struct config_type config_type_log_level = {
	.parse = type_parse_log_level,
	.print = type_print_log_level,
	.expected = "a log level (error, warning, info or debug)",
};

static void
type_print_duration(const void *at, FILE *out)
{
	fputs(human_exact_duration(*(const uint64_t *)at).text, out);
}

const struct config_type config_type_duration = {
	.parse_number = num_parse_duration,
	.print = type_print_duration,
	.expected = "a duration (try 5s; units are ms, s, m, h and d)",
	.unit = " ms",
};

static int
type_parse_durations(const char *text, void *at, struct config_error *ret_error)
{
	return stream_delays_parse(text, at, ret_error->text, sizeof(ret_error->text));
}

static void
type_print_durations(const void *at, FILE *out)
{
	char delays[STREAM_DELAYS_TEXT];

	stream_delays_format(at, delays);
	fputs(delays, out);
}

const struct config_type config_type_durations = {
	.parse = type_parse_durations,
	.print = type_print_durations,
	.expected = "a list of durations (try 1s 10s 1m)",
};

static void
type_print_size(const void *at, FILE *out)
{
	fputs(human_exact_size(*(const uint64_t *)at).text, out);
}

const struct config_type config_type_size = {
	.parse_number = num_parse_size,
	.print = type_print_size,
	.expected = "a size (try 8M; units are K, M and G)",
};

static void
type_print_count(const void *at, FILE *out)
{
	fprintf(out, "%" PRIu64, *(const uint64_t *)at);
}

const struct config_type config_type_count = {
	.parse_number = num_parse_u64,
	.print = type_print_count,
	.expected = "a number",
};

static int
type_parse_address(const char *text, void *at, struct config_error *ret_error)
{
	int r = addr_list_parse(text, at);

	return r == 0 ? 0 : type_fail(ret_error, "'%.200s': %s", text, addr_strerror(r));
}

static void
type_print_address(const void *at, FILE *out)
{
	char text[ADDR_NAME_MAX + 1];

	addr_list_format(at, text, sizeof(text));
	fputs(text, out);
}

const struct config_type config_type_address = {
	.parse = type_parse_address,
	.print = type_print_address,
	.expected = "an address",
};

const struct config_type config_type_mode = {
	.words = mode_names,
	.n_words = MODE_COUNT,
	.expected = "a mode (" MODE_LIST ")",
};

const struct config_type config_type_socket = {
	.words = mode_type_names,
	.n_words = MODE_TYPE_COUNT,
	.expected = "a type of socket (stream, seqpacket or dgram)",
};

static int
type_parse_switch(const char *text, void *at, struct config_error *ret_error)
{
	if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
		return -EINVAL;
	*(bool *)at = *text == 'y';
	return 0;
}

static void
type_print_switch(const void *at, FILE *out)
{
	fputs(*(const bool *)at ? "yes" : "no", out);
}

const struct config_type config_type_switch = {
	.parse = type_parse_switch,
	.print = type_print_switch,
	.expected = "yes or no",
};

static int
type_parse_channel(const char *text, void *at, struct config_error *ret_error)
{
	if (strlen(text) > PROTOCOL_NAME_MAX)
		return -EINVAL;
	strncpy(at, text, PROTOCOL_NAME_MAX); /* and NULs to the end */
	return 0;
}

static void
type_print_channel(const void *at, FILE *out)
{
	fputs(at, out);
}

const struct config_type config_type_channel = {
	.parse = type_parse_channel,
	.print = type_print_channel,
	.expected = "a channel's name of at most 1024 bytes",
};

static int
type_parse_bits(const char *text, void *at, struct config_error *ret_error)
{
	unsigned int bits;

	if (num_parse_mode(text, &bits) < 0 || bits > 0777)
		return -EINVAL;
	*(unsigned int *)at = bits;
	return 0;
}

static void
type_print_bits(const void *at, FILE *out)
{
	fprintf(out, "%04o", *(const unsigned int *)at);
}

const struct config_type config_type_bits = {
	.parse = type_parse_bits,
	.print = type_print_bits,
	.expected = "an octal file mode up to 0777 (try 0660)",
};

/* what: "user" or "group", which lookup finds by name. uid_t and gid_t are one type. */
static int
type_parse_account(const char *text, const char *what, int (*lookup)(const char *name, uint32_t *ret_id), void *at,
                   struct config_error *ret_error)
{
	uint64_t number;
	uint32_t id = UINT32_MAX;

	if (num_parse_u64(text, &number) == 0 && number < UINT32_MAX)
		id = (uint32_t)number;
	else if (*text && lookup(text, &id) < 0)
		return type_fail(ret_error, "there is no %s '%.200s'", what, text);
	*(uint32_t *)at = id;
	return 0;
}

static void
type_print_account(const void *at, FILE *out)
{
	if (*(const uint32_t *)at != UINT32_MAX)
		fprintf(out, "%" PRIu32, *(const uint32_t *)at);
}

static int
type_parse_user(const char *text, void *at, struct config_error *ret_error)
{
	return type_parse_account(text, "user", userdb_user, at, ret_error);
}

const struct config_type config_type_user = {
	.parse = type_parse_user,
	.print = type_print_account,
	.expected = "a user",
};

static int
type_parse_group(const char *text, void *at, struct config_error *ret_error)
{
	return type_parse_account(text, "group", userdb_group, at, ret_error);
}

const struct config_type config_type_group = {
	.parse = type_parse_group,
	.print = type_print_account,
	.expected = "a group",
};

/* names: of users and @groups that there are not, separated by ", ". */
static int
type_refuse_principals(char *names, struct config_error *ret_error)
{
	char all[2048] = ""; /* more than `names` take */
	size_t len = 0;

	for (char *name; (name = strsep(&names, ",")) && len < sizeof(all);) {
		name += strspn(name, " ");
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%sno %s '%s'", len > 0 ? ", " : "",
		                        name[0] == '@' ? "group" : "user", name + (name[0] == '@'));
	}
	return type_fail(ret_error, "there is %s", all);
}

static int
type_parse_principals(const char *text, void *at, struct config_error *ret_error)
{
	struct access_list *list = at, old = *list;
	char bad[256] = "";
	int r = access_list_parse(text, list, bad, sizeof(bad));

	if (r == 0)
		access_list_deinit(&old);
	else if (r == -ENOENT)
		r = type_refuse_principals(bad, ret_error);
	else if (r == -EINVAL)
		r = type_fail(ret_error, "'%s' is not %s", bad, config_type_principals.expected);
	return r;
}

static void
type_print_principals(const void *at, FILE *out)
{
	const struct access_list *list = at;
	char text[32];

	for (size_t i = 0; i < list->n; i++) {
		principal_format(&list->principals[i], text, sizeof(text));
		fprintf(out, "%s%s", i > 0 ? ", " : "", text);
	}
}

const struct config_type config_type_principals = {
	.parse = type_parse_principals,
	.print = type_print_principals,
	.expected = "a user's name, @group, uid:N, gid:N, * or anonymous",
};

static int
type_parse_store(const char *text, void *at, struct config_error *ret_error __attribute__((unused)))
{
	if ((*text != '/' && strcmp(text, "auto") != 0 && strcmp(text, "none") != 0) || strlen(text) > STORE_PATH_MAX)
		return -EINVAL;
	strcpy(at, text);
	return 0;
}

const struct config_type config_type_store = {
	.parse = type_parse_store,
	.print = type_print_channel,
	.expected = "a directory that begins with '/', auto or none",
};

static int
type_parse_word(const struct config_type *type, const char *text, int *at)
{
	for (int i = 0; i < type->n_words; i++)
		if (strcmp(text, type->words[i]) == 0) {
			*at = i;
			return 0;
		}
	return -EINVAL;
}

static int
type_parse_number(const struct config_type *type, const char *text, const struct config_bounds *bounds, uint64_t *at,
                  struct config_error *ret_error)
{
	uint64_t value;
	int r = type->parse_number(text, &value);

	if (r == -ERANGE || (r == 0 && (value < bounds->min || value > bounds->max)))
		return type_fail(ret_error, "'%.200s' is out of range; expected %" PRIu64 " to %" PRIu64 "%s", text,
		                 bounds->min, bounds->max, type->unit ? type->unit : "");
	if (r == 0)
		*at = value;
	return r;
}

int
config_type_parse(const struct config_type *type, const char *text, const struct config_bounds *bounds, void *at,
                  struct config_error *ret_error)
{
	int r;

	ret_error->text[0] = '\0';
	if (type->words)
		r = type_parse_word(type, text, at);
	else if (type->parse_number)
		r = type_parse_number(type, text, bounds, at, ret_error);
	else
		r = type->parse(text, at, ret_error);
	if (r == -ENOMEM)
		snprintf(ret_error->text, sizeof(ret_error->text), "out of memory");
	else if (r < 0 && !ret_error->text[0])
		type_fail(ret_error, "'%.200s' is not %s", text, type->expected);
	return r;
}

void
config_type_print(const struct config_type *type, const void *at, FILE *out)
{
	if (type->words)
		fputs(type->words[*(const int *)at], out);
	else
		type->print(at, out);
}
