/* Users and groups of the host. Looking up a name may block (nss). */
#pragma once

#include <sys/types.h>

/* The id of a name. Returns 0, or -ENOENT if there is no such name. */
int userdb_user(const char *name, uid_t *ret_uid);
int userdb_group(const char *name, gid_t *ret_gid);
