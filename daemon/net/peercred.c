#include "peercred.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

#include "identity.h"

/* Supplementary groups; NULL: none. */
static int
peercred_read_groups(int fd, struct group_set **ret_set)
{
	socklen_t len = 0;
	struct group_set *set;

	/* Asked with no room, the kernel says how much it takes. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) < 0 && errno != ERANGE)
		return errno == ENODATA || errno == ENOPROTOOPT ? 0 : -errno;
	if (len == 0)
		return 0;
	set = group_set_new((uint32_t)(len / sizeof(gid_t)));
	if (!set)
		return -ENOMEM;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, set->ids, &len) < 0) {
		int error = errno;

		group_set_unref(set);
		return -error;
	}
	*ret_set = set;
	return 0;
}

int
peercred_read(int fd, struct identity *ret_identity)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct group_set *groups = NULL;
	int domain, r;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){ sizeof(domain) }) < 0)
		return -errno;
	if (domain != AF_UNIX) {
		*ret_identity = (struct identity){ .uid = (uid_t)-1, .gid = (gid_t)-1, .anonymous = true };
		return 0;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	r = peercred_read_groups(fd, &groups);
	if (r < 0)
		return r;
	*ret_identity = (struct identity){ .pid = cred.pid, .uid = cred.uid, .gid = cred.gid, .groups = groups };
	return 0;
}
