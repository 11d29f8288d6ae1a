#include "activation.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "packet.h"
#include "service-manager.h"

/* Returns 0 or -errno. */
static int
activation_read_address(int fd, struct addr *ret_addr)
{
	struct addr addr = { .kind = ADDR_TCP, .len = sizeof(addr.storage) };

	if (getsockname(fd, &addr.sa, &addr.len) < 0)
		return -errno;
	if (addr.sa.sa_family == AF_UNIX)
		addr.kind = addr.un.sun_path[0] ? ADDR_PATH : ADDR_ABSTRACT;
	else
		addr_set_tcp_options(fd); /* accepted sockets inherit them */
	*ret_addr = addr;
	return 0;
}

/* Whether a socket is of the type, and listens; datagrams just come. */
static bool
activation_is_ready(int fd, int type)
{
	int is_type = -1, is_listening = 0;

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &is_type, &(socklen_t){ sizeof(int) });
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &(socklen_t){ sizeof(int) });
	return is_type == type && (type == SOCK_DGRAM || is_listening);
}

/* A socket gets the mode of the configured listener of its address, or of its name. */
static int
activation_adopt_socket(struct listeners *listeners, const struct listener_config_list *whole, int fd, const char *name)
{
	struct listener_config config = { 0 };
	const struct listener_config *configured;
	struct addr addr;
	int type, r = activation_read_address(fd, &addr);

	if (r == 0) {
		evutil_make_socket_nonblocking(fd);
		configured = listeners_find_config(whole, &addr, name);
		if (configured)
			config = *configured;
		else
			strncat(config.name, name, sizeof(config.name) - 1);
		type = mode_socket_type(config.options.type);
		if (!activation_is_ready(fd, type)) {
			log_error("socket '%s' from the service manager is not a listening socket of type %s", name,
			          mode_type_names[config.options.type]);
			return LISTENER_E_CONFIG;
		}
		r = type == SOCK_STREAM ? 0 : packet_prepare(fd);
	}
	if (r < 0) {
		log_error("socket '%s' from the service manager: %s", name, strerror(-r));
		return LISTENER_E_CONFIG;
	}
	return listeners_open_one(listeners, &config, &addr, fd, &listeners->list);
}

int
activation_adopt(struct listeners *listeners, const struct listener_config_list *config)
{
	char **names = NULL;
	int first, n = service_manager_sockets(&first, &names), r = 0;

	for (int i = 0; i < n; i++) {
		int s = activation_adopt_socket(listeners, config, first + i, names && names[i] ? names[i] : "");

		r = r == 0 ? s : r;
	}
	service_manager_free_names(names);
	return r;
}
