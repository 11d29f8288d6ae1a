/* Finds what a mistyped word was most likely meant to be. */
#pragma once

#include <stddef.h>

/*
 * Returns the one of n names that is nearest to the len bytes of word, by the number of letters to add, remove, change
 * or swap; the first one on a tie, NULL if none is near.
 */
const char *nearest_find(const char *word, size_t len, const char *const *names, size_t n);
