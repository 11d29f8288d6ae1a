/* Lists of users and groups in the configuration, and whether an identity from the kernel is among them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identity.h"

enum principal_kind { PRINCIPAL_LOCAL, PRINCIPAL_ANONYMOUS, PRINCIPAL_USER, PRINCIPAL_GROUP };

struct principal {
	enum principal_kind kind;
	uint32_t id; /* uid or gid */
};

/* A list that was not given admits everybody; an empty one admits nobody. */
struct access_list {
	bool is_given;
	size_t n;
	struct principal *principals;
};

/*
 * Parses principals separated by commas: a user's name, "@group", "uid:N", "gid:N", "*" for all local users,
 * "anonymous". Returns 0 or -ENOMEM; or -EINVAL, with the one that is none in bad; or -ENOENT where there are no such
 * users or groups, with all of them in bad, separated by ", ", as far as there is room.
 */
int access_list_parse(const char *text, struct access_list *ret_list, char *bad, size_t bad_size);
void access_list_deinit(struct access_list *list);

/* Writes a principal in the form that access_list_parse() understands, cut off at size bytes. */
void principal_format(const struct principal *principal, char *text, size_t size);

/* Whether one of the principals is the identity, or the list was not given. */
bool access_list_admits(const struct access_list *list, const struct identity *identity);
