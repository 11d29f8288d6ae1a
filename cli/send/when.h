/* Points in time as people type them. */
#pragma once

#include <stdint.h>

/*
 * Parses "06:00", "06:00:30" (today, or tomorrow if that has passed), "2026-12-01", "2026-12-01 06:00" (also with T
 * between, and with Z or an offset like +01:00 behind), "today 06:00", "tomorrow", "tomorrow 06:00", "@SECONDS" since
 * 1970. Without Z or offset they are in local time: what the clock skips when summer begins counts as an hour later, of
 * an hour that comes twice the first one is meant. now_ms and *ret_ms: Unix time. Returns 0, -EINVAL (not of that form)
 * or -ERANGE (no such date or time).
 */
int when_parse(const char *text, uint64_t now_ms, uint64_t *ret_ms);
