/* Which blocks commands about groups need; see exec-needs.h. */
#pragma once

#include "needs-walk.h"

needs_look needs_xgroup_move, needs_xread, needs_xreadgroup, needs_xautoclaim;
