#include "hashtable.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define BUCKETS_MIN 16

void
hashtable_deinit(struct hashtable *table)
{
	free(table->buckets);
	*table = (struct hashtable){ 0 };
}

static int
hashtable_resize(struct hashtable *table, size_t n_buckets)
{
	struct hashtable_node **buckets = calloc(n_buckets, sizeof(struct hashtable_node *)), *node;

	if (!buckets)
		return -ENOMEM;
	for (size_t i = 0; i < table->n_buckets; i++)
		while ((node = table->buckets[i])) {
			table->buckets[i] = node->next;
			node->next = buckets[node->hash & (n_buckets - 1)];
			buckets[node->hash & (n_buckets - 1)] = node;
		}
	free(table->buckets);
	table->buckets = buckets;
	table->n_buckets = n_buckets;
	return 0;
}

int
hashtable_insert(struct hashtable *table, struct hashtable_node *node, uint64_t hash)
{
	struct hashtable_node **bucket;

	if (table->n_buckets == 0 && hashtable_resize(table, BUCKETS_MIN) < 0)
		return -ENOMEM;
	if (table->n >= table->n_buckets)
		(void)hashtable_resize(table, table->n_buckets * 2);
	bucket = &table->buckets[hash & (table->n_buckets - 1)];
	node->hash = hash;
	node->next = *bucket;
	*bucket = node;
	table->n++;
	return 0;
}

void
hashtable_remove(struct hashtable *table, struct hashtable_node *node)
{
	struct hashtable_node **link = &table->buckets[node->hash & (table->n_buckets - 1)];

	while (*link != node) {
		assert(*link);
		link = &(*link)->next;
	}
	*link = node->next;
	table->n--;
	if (table->n_buckets > BUCKETS_MIN && table->n < table->n_buckets / 8)
		(void)hashtable_resize(table, table->n_buckets / 4);
}

void
hashtable_each(const struct hashtable *table, void (*visit)(struct hashtable_node *node, void *arg), void *arg)
{
	for (size_t i = 0; i < table->n_buckets; i++)
		for (struct hashtable_node *node = table->buckets[i], *next; node; node = next) {
			next = node->next;
			visit(node, arg);
		}
}
