/*
 * Questions to the daemon, one after another, for verbs that ask and print. All errors are reported to people and
 * returned as an exit status.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"
#include "resp-reply.h"

struct ask;
struct loop;
struct options;

/* Instead of a status: there is nothing more to do, and udsctl ends with EX_OK. */
#define ASK_DONE (-1)

/* Instead of a status: no bus answers so. */
#define ASK_FOREIGN (-2)

/* Connects with the first question. --timeout, or 5 s, limits the wait for each answer. */
struct ask *ask_new(const struct options *o);

/*
 * Likewise, but it waits for the daemon, and after a loss connects again and asks again what is not answered. limit: ms
 * from now on until it gives up waiting for a connection, with EX_TEMPFAIL; 0: never. Only for questions with one
 * reply, which do no harm when they are asked twice.
 */
struct ask *ask_new_lasting(const struct options *o, uint64_t limit);

/* Frees it, writes what was printed, and returns the exit status; status: 0, one of these, or the exit status so far.
 */
int ask_end(struct ask *a, int status);

/*
 * All questions return 0, an exit status, or ASK_DONE when the reader of standard output has left.
 *
 * Sends a command, whose words end with NULL, and waits for the reply, which is valid until the next call. An error
 * reply is EX_NOPERM or EX_PROTOCOL.
 */
int ask(struct ask *a, const struct resp_node **ret_reply, ...) __attribute__((sentinel));

/* The same for words of any bytes. */
int ask_words(struct ask *a, const struct resp_node **ret_reply, const struct slice *words, size_t n);

/* For functions that take words as ask() does: puts those up to NULL there, and returns their number. */
#define ASK_WORDS_MAX 32
size_t ask_collect(struct slice words[ASK_WORDS_MAX], va_list ap);

/* Called with one reply, message or element. Returns 0 to go on, or what the question is to return. */
typedef int ask_cb(const struct resp_node *node, void *arg);

/* The same for n words of any bytes; but an error of the daemon is a reply like others, of the type RESP_ERROR. */
int ask_try(struct ask *a, const struct resp_node **ret_reply, const struct slice *words, size_t n);

/* Says the error, as the other questions do, and returns its exit status. */
int ask_refuse(const struct resp_node *error);

/* As ask(), where the reply is an array of any length: cb gets each element. */
int ask_each(struct ask *a, ask_cb *cb, void *arg, ...) __attribute__((sentinel));

/* Sends n encoded commands; cb gets each reply; with takes_errors, an error is one, as with ask_try(). */
int ask_all(struct ask *a, struct slice commands, size_t n, bool takes_errors, ask_cb *cb, void *arg);

/* Sends encoded commands and waits for so many replies and messages, which are only counted. */
int ask_many(struct ask *a, struct slice commands, size_t replies);

/*
 * Sends a command, waits for its reply, and gives everything that comes then to cb, until that ends it or the
 * connection is lost; never returns 0. What cb prints is written soon; while much of it waits, nothing is read.
 */
int ask_listen(struct ask *a, ask_cb *cb, void *arg, ...) __attribute__((sentinel));

/* Writes what was printed so far; while standard output takes nothing, the loop goes on. */
int ask_flush(struct ask *a);

/* Waits for `ms` milliseconds. */
int ask_wait(struct ask *a, uint64_t ms);

/* For what else the verb waits for: its loop, and waiting until `done` is true. */
struct loop *ask_loop(const struct ask *a);
int ask_until(struct ask *a, const bool *done);

/* How long the last reply took, from the write of its command on, in ns. */
uint64_t ask_took(const struct ask *a);

/* The address as text. */
const char *ask_name(const struct ask *a);

/* The value of a key in a map or flat array of plain values; NULL where there is none. */
const struct resp_node *ask_lookup(const struct resp_node *map, const char *key);
