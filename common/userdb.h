/* Users and groups of the host. Looking up a name may block for a minute (nss), so the loop of the daemon never does. */
#pragma once

#include <sys/types.h>

/* The id of a name. Returns 0, or -ENOENT if there is no such name. */
int userdb_user(const char *name, uid_t *ret_uid);
int userdb_group(const char *name, gid_t *ret_gid);

/* The same for a user in /etc/passwd, with no question to a name service: does not block. */
int userdb_local_user(const char *name, uid_t *ret_uid);
