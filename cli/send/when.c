#include "when.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "num.h"

/* Takes two digits, or four. Returns whether they are there. */
static bool
when_take_digits(const char **p, int n, int *ret_value)
{
	int value = 0;

	for (int i = 0; i < n; i++, ++*p) {
		if (!isdigit((unsigned char)**p))
			return false;
		value = value * 10 + (**p - '0');
	}
	*ret_value = value;
	return true;
}

static bool
when_take_letter(const char **p, char letter)
{
	if (**p != letter)
		return false;
	++*p;
	return true;
}

/* "HH:MM" or "HH:MM:SS", or "H:MM". */
static bool
when_take_time(const char **p, struct tm *tm)
{
	int hour_digits = isdigit((unsigned char)**p) && (*p)[1] == ':' ? 1 : 2;

	tm->tm_sec = 0;
	return when_take_digits(p, hour_digits, &tm->tm_hour) && when_take_letter(p, ':') &&
	       when_take_digits(p, 2, &tm->tm_min) &&
	       (!when_take_letter(p, ':') || when_take_digits(p, 2, &tm->tm_sec));
}

static bool
when_take_date(const char **p, struct tm *tm)
{
	if (!when_take_digits(p, 4, &tm->tm_year) || !when_take_letter(p, '-') ||
	    !when_take_digits(p, 2, &tm->tm_mon) || !when_take_letter(p, '-') || !when_take_digits(p, 2, &tm->tm_mday))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon--;
	return true;
}

/* "Z", "+01:00", "+0100" or "+01": seconds east of UTC. */
static bool
when_take_offset(const char **p, long *ret_seconds)
{
	bool is_west = **p == '-';
	int hours, minutes = 0;

	*ret_seconds = 0;
	if (when_take_letter(p, 'Z'))
		return true;
	if (!when_take_letter(p, '+') && !when_take_letter(p, '-'))
		return false;
	if (!when_take_digits(p, 2, &hours))
		return false;
	if ((when_take_letter(p, ':') || **p) && !when_take_digits(p, 2, &minutes))
		return false;
	*ret_seconds = (is_west ? -60L : 60L) * (hours * 60 + minutes);
	return hours < 24 && minutes < 60;
}

static bool
when_is_same(const struct tm *a, const struct tm *b)
{
	return a->tm_year == b->tm_year && a->tm_mon == b->tm_mon && a->tm_mday == b->tm_mday &&
	       a->tm_hour == b->tm_hour && a->tm_min == b->tm_min && a->tm_sec == b->tm_sec;
}

/* mktime(3) leaves open which of two hours is meant, and what an hour means that there is not. */
static time_t
when_resolve(const struct tm *tm)
{
	struct tm summer = *tm, standard = *tm;
	time_t t;

	summer.tm_isdst = 1;
	standard.tm_isdst = 0;
	t = mktime(&summer);
	if (summer.tm_isdst == 1 && when_is_same(&summer, tm))
		return t;
	return mktime(&standard);
}

static bool
when_is_possible(const struct tm *tm)
{
	static const int days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year = tm->tm_year + 1900;
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return year >= 1970 && tm->tm_mon >= 0 && tm->tm_mon < 12 && tm->tm_mday >= 1 &&
	       tm->tm_mday <= days[tm->tm_mon] - (tm->tm_mon == 1 && !is_leap) && tm->tm_hour < 24 && tm->tm_min < 60 &&
	       tm->tm_sec < 60;
}

/* The day that the text begins with; none: today. *ret_days: so many days later. Returns false if it is no day. */
static bool
when_take_day(const char **p, struct tm *tm, int *ret_days, bool *ret_given)
{
	static const char *const names[] = { "today", "tomorrow" };

	*ret_days = 0;
	*ret_given = true;
	for (int i = 0; i < 2; i++) {
		if (strncasecmp(*p, names[i], strlen(names[i])) != 0)
			continue;
		*p += strlen(names[i]);
		*ret_days = i;
		return true;
	}
	*ret_given = strlen(*p) > 4 && (*p)[4] == '-';
	return !*ret_given || when_take_date(p, tm);
}

static int
when_parse_unix(const char *digits, uint64_t *ret_ms)
{
	uint64_t seconds, ms;
	int r = num_parse_u64(digits, &seconds);

	if (r == 0 && __builtin_mul_overflow(seconds, (uint64_t)1000, &ms))
		r = -ERANGE;
	if (r == 0)
		*ret_ms = ms;
	return r;
}

int
when_parse(const char *text, uint64_t now_ms, uint64_t *ret_ms)
{
	time_t now = (time_t)(now_ms / 1000), t;
	bool has_day, is_date, has_offset = false;
	long offset = 0;
	struct tm tm;
	int days;

	if (*text == '@')
		return when_parse_unix(text + 1, ret_ms);
	localtime_r(&now, &tm);
	if (!when_take_day(&text, &tm, &days, &has_day))
		return -EINVAL;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	is_date = has_day && !*text;
	if (has_day && !is_date && !when_take_letter(&text, ' ') && !when_take_letter(&text, 'T'))
		return -EINVAL;
	if (!is_date && !when_take_time(&text, &tm))
		return -EINVAL;
	if (has_day && *text && !(has_offset = when_take_offset(&text, &offset)))
		return -EINVAL;
	if (*text)
		return -EINVAL;
	if (!when_is_possible(&tm))
		return -ERANGE;
	tm.tm_mday += days;
	if (days > 0)
		(void)timegm(&tm); /* what comes after the last of a month */
	t = has_offset ? timegm(&tm) - offset : when_resolve(&tm);
	if (!has_day && t <= now) {
		tm.tm_mday++;
		(void)timegm(&tm);
		t = when_resolve(&tm);
	}
	if (t < 0)
		return -ERANGE;
	*ret_ms = (uint64_t)t * 1000;
	return 0;
}
