/* Users and groups of the host. Each lookup may block for a minute (nss), so the loop of the daemon makes none. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The id of a name. Returns 0, or -ENOENT if there is no such name. */
int userdb_user(const char *name, uid_t *ret_uid);
int userdb_group(const char *name, gid_t *ret_gid);

/* The name of an id, cut to size with its NUL. Returns 0, or -ENOENT when it has none. */
int userdb_user_name(uid_t uid, char *ret_name, size_t size);
int userdb_group_name(gid_t gid, char *ret_name, size_t size);

/* Whether the user is in the group by what the host has on file: that is, after their next login. */
bool userdb_is_member(uid_t uid, gid_t gid);

/* The same for a user in /etc/passwd, with no question to a name service: does not block. */
int userdb_local_user(const char *name, uid_t *ret_uid);
