#include "userdb.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"

int
userdb_user(const char *name, uid_t *ret_uid)
{
	const struct passwd *pw = getpwnam(name);

	if (!pw)
		return -ENOENT;
	*ret_uid = pw->pw_uid;
	return 0;
}

int
userdb_group(const char *name, gid_t *ret_gid)
{
	const struct group *gr = getgrnam(name);

	if (!gr)
		return -ENOENT;
	*ret_gid = gr->gr_gid;
	return 0;
}

int
userdb_local_user(const char *name, uid_t *ret_uid)
{
	_cleanup_fclose_ FILE *file = fopen("/etc/passwd", "re");
	const struct passwd *pw;

	while (file && (pw = fgetpwent(file)))
		if (strcmp(pw->pw_name, name) == 0) {
			*ret_uid = pw->pw_uid;
			return 0;
		}
	return -ENOENT;
}
