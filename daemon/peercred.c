#include "peercred.h"

#include <errno.h>
#include <sys/socket.h>

#include "session.h"

int
peercred_read(int fd, struct identity *ret_identity)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int domain;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){ sizeof(domain) }) < 0)
		return -errno;
	if (domain != AF_UNIX) {
		*ret_identity = (struct identity){ .uid = (uid_t)-1, .gid = (gid_t)-1, .anonymous = true };
		return 0;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	*ret_identity = (struct identity){ .pid = cred.pid, .uid = cred.uid, .gid = cred.gid };
	return 0;
}
