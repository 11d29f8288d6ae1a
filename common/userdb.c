#include "userdb.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
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
userdb_user_name(uid_t uid, char *ret_name, size_t size)
{
	const struct passwd *pw = getpwuid(uid);

	if (!pw)
		return -ENOENT;
	snprintf(ret_name, size, "%s", pw->pw_name);
	return 0;
}

int
userdb_group_name(gid_t gid, char *ret_name, size_t size)
{
	const struct group *gr = getgrgid(gid);

	if (!gr)
		return -ENOENT;
	snprintf(ret_name, size, "%s", gr->gr_name);
	return 0;
}

bool
userdb_is_member(uid_t uid, gid_t gid)
{
	const struct passwd *pw = getpwuid(uid);
	gid_t *groups;
	bool found = false;
	int n = 0;

	if (!pw)
		return false;
	getgrouplist(pw->pw_name, pw->pw_gid, NULL, &n);
	groups = calloc((size_t)n + 1, sizeof(*groups));
	if (groups)
		getgrouplist(pw->pw_name, pw->pw_gid, groups, &n);
	for (int i = 0; groups && i < n; i++)
		found |= groups[i] == gid;
	free(groups);
	return found;
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
