/* Finds what a mistyped word was most likely meant to be. */
#pragma once

#include <stddef.h>

/*
 * The one of n names that is nearest to the len bytes of word, counting letters to add, leave out, change
 * or swap; NULL when none is near. On a tie the first.
 */
const char *nearest_find(const char *word, size_t len, const char *const *names, size_t n);
