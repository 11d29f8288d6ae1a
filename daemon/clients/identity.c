#include "identity.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct group_set *
group_set_new(uint32_t n)
{
	struct group_set *set = malloc(sizeof(*set) + n * sizeof(set->ids[0]));

	if (set)
		*set = (struct group_set){ .refs = 1, .n = n };
	return set;
}

void
group_set_unref(struct group_set *set)
{
	if (set && --set->refs == 0)
		free(set);
}

void
group_set_share(struct group_set **set, struct group_set *known)
{
	if (!*set || !known || *set == known || (*set)->n != known->n ||
	    memcmp((*set)->ids, known->ids, known->n * sizeof(known->ids[0])) != 0)
		return;
	group_set_unref(*set);
	*set = known;
	known->refs++;
}

struct identity_text
identity_text(const struct identity *identity)
{
	struct identity_text text = { "an anonymous client" };

	if (!identity->anonymous)
		snprintf(text.text, sizeof(text.text), "uid %u", identity->uid);
	return text;
}

void
identity_command(const struct identity *identity, char ret_command[IDENTITY_COMMAND_MAX])
{
	char path[32];
	ssize_t n = -1;
	int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)identity->pid);
	if (identity->pid > 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, ret_command, IDENTITY_COMMAND_MAX - 1);
		close(fd);
	}
	ret_command[n > 0 ? n : 0] = '\0';
	ret_command[strcspn(ret_command, "\n")] = '\0';
}
