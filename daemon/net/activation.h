/* Socket activation: the sockets that the service manager has handed over to this process. */
#pragma once

#include "listeners.h"

/* Makes them listeners. Returns 0, or an exit status after the reason was logged. */
int activation_adopt(struct listeners *listeners, const struct listener_config_list *config);
