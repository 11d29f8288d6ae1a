/* The types of values that are one of a few words, for receivers and streams. */
#pragma once

#include "config-types.h"

extern const struct config_type config_type_slow; /* int: enum slow_policy */
extern const struct config_type config_type_full; /* int: enum stream_full */
extern const struct config_type config_type_keep; /* int: enum stream_keep */
