#include "recvset.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "client.h"

void
recvset_deinit(struct recvset *set)
{
	assert(set->n == 0);
	if (set->cap > 0)
		free(set->many);
	*set = (struct recvset){ 0 };
}

static int
recvset_resize(struct recvset *set, uint32_t cap)
{
	struct client **many = malloc(cap * sizeof(struct client *));
	struct client *const *old = recvset_array(set);

	if (!many)
		return -ENOMEM;
	for (uint32_t i = 0; i < set->n; i++)
		many[i] = old[i];
	if (set->cap > 0)
		free(set->many);
	set->many = many;
	set->cap = cap;
	return 0;
}

int
recvset_add(struct recvset *set, struct client *c)
{
	if (set->cap == 0 && set->n == 0) {
		set->one = c;
	} else {
		if (set->n >= set->cap && recvset_resize(set, set->cap > 0 ? set->cap * 2 : 4) < 0)
			return -ENOMEM;
		set->many[set->n] = c;
	}
	set->n++;
	set->n_of[c->encoding]++;
	return 0;
}

struct client *
recvset_remove(struct recvset *set, uint32_t index)
{
	struct client **array = set->cap > 0 ? set->many : &set->one, *last = NULL;

	assert(index < set->n);
	set->n_of[array[index]->encoding]--;
	if (index != --set->n) {
		last = array[set->n];
		array[index] = last;
	}
	if (set->cap > 4 && set->n < set->cap / 4)
		(void)recvset_resize(set, set->cap / 2); /* without memory it just stays larger */
	return last;
}
