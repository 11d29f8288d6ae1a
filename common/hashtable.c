/*
 * Linear hashing: a node that comes makes one more bucket, by splitting one of the old ones; nodes that go let the last
 * bucket be joined with the one that it was split from. So an insertion moves the nodes of one bucket at most, and
 * nobody waits until a table of a million nodes is hashed anew. The array of buckets grows with realloc(), which moves
 * pages and not bytes when it is large.
 */
#include "hashtable.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define BUCKETS_MIN ((size_t)16)

/* Buckets are joined while there are more than this many for each node. */
#define SPARSE 8

void
hashtable_deinit(struct hashtable *table)
{
	free(table->buckets);
	*table = (struct hashtable){ 0 };
}

static int
hashtable_set_cap(struct hashtable *table, size_t cap)
{
	struct hashtable_node **buckets = realloc(table->buckets, cap * sizeof(struct hashtable_node *));

	if (!buckets)
		return -ENOMEM;
	table->buckets = buckets;
	table->cap = cap;
	return 0;
}

static void
hashtable_link(struct hashtable *table, struct hashtable_node *node)
{
	struct hashtable_node **bucket = &table->buckets[hashtable_bucket(table, node->hash)];

	node->prev = NULL;
	node->next = *bucket;
	if (node->next)
		node->next->prev = node;
	*bucket = node;
}

/* Links the nodes of a bucket anew; the bucket is empty or not in use any more. */
static void
hashtable_relink(struct hashtable *table, struct hashtable_node *node)
{
	for (struct hashtable_node *next; node; node = next) {
		next = node->next;
		hashtable_link(table, node);
	}
}

/* Makes one bucket more. Without memory the table just gets slower. */
static void
hashtable_split(struct hashtable *table)
{
	size_t from = table->n_buckets == 2 * table->level ? 0 : table->n_buckets - table->level;
	struct hashtable_node *nodes;

	if (table->n_buckets == table->cap && hashtable_set_cap(table, 2 * table->cap) < 0)
		return;
	if (from == 0)
		table->level = table->n_buckets;
	nodes = table->buckets[from];
	table->buckets[from] = table->buckets[table->n_buckets++] = NULL;
	hashtable_relink(table, nodes);
}

static void
hashtable_join(struct hashtable *table)
{
	struct hashtable_node *nodes = table->buckets[--table->n_buckets];

	if (table->n_buckets == table->level)
		table->level /= 2;
	hashtable_relink(table, nodes);
	if (table->n_buckets < table->cap / 4)
		(void)hashtable_set_cap(table, table->cap / 2); /* without memory it stays as it is */
}

int
hashtable_insert(struct hashtable *table, struct hashtable_node *node, uint64_t hash)
{
	if (table->n_buckets == 0) {
		table->buckets = calloc(BUCKETS_MIN, sizeof(struct hashtable_node *));
		if (!table->buckets)
			return -ENOMEM;
		table->n_buckets = table->cap = BUCKETS_MIN;
		table->level = BUCKETS_MIN / 2;
	}
	if (table->n >= table->n_buckets)
		hashtable_split(table);
	node->hash = hash;
	hashtable_link(table, node);
	table->n++;
	return 0;
}

void
hashtable_remove(struct hashtable *table, struct hashtable_node *node)
{
	if (node->prev)
		node->prev->next = node->next;
	else
		table->buckets[hashtable_bucket(table, node->hash)] = node->next;
	if (node->next)
		node->next->prev = node->prev;
	table->n--;
	for (int i = 0; i < 2 * SPARSE && table->n_buckets > BUCKETS_MIN && table->n < table->n_buckets / SPARSE; i++)
		hashtable_join(table);
}
