/*
 * Many clients follow one stream: all of them wait with XREAD, are woken by the same XADD, and get the same answer. It
 * is encoded for the first one, and the others of the pass get a reference to it, as receivers of a message do.
 */
#pragma once

#include "xread.h"

/* Replies the answer that another client has just got, if it is the one. Returns whether it was. */
bool xread_shared_reply(struct xread *read);

/* The answer is whole and about to be sent: others may get it, too. */
void xread_shared_keep(struct xread *read);
