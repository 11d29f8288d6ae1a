#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "config-rows.h"

/* Returns 0 or -ENOMEM. */
static int
config_set_defaults(enum config_scope scope, void *base)
{
	struct config_error error;
	int r = 0;

	for (size_t i = 0; r == 0 && i < config_n_rows; i++)
		if (config_rows[i].scope == scope && config_rows[i].initial)
			r = config_set_value(&config_rows[i], base, config_rows[i].initial, &error);
	return r;
}

struct config *
config_new(void)
{
	struct config *config = calloc(1, sizeof(*config));

	if (!config)
		return NULL;
	STAILQ_INIT(&config->listeners);
	STAILQ_INIT(&config->rules);
	STAILQ_INIT(&config->stream_rules);
	if (config_set_defaults(SCOPE_CONFIG, config) < 0) {
		config_free(config);
		return NULL;
	}
	return config;
}

void
config_free(struct config *config)
{
	struct listener_config *listener;
	struct stream_rule *stream_rule;
	struct access_rule *rule;

	if (!config)
		return;
	while ((listener = STAILQ_FIRST(&config->listeners))) {
		STAILQ_REMOVE_HEAD(&config->listeners, link);
		free(listener);
	}
	while ((rule = STAILQ_FIRST(&config->rules))) {
		STAILQ_REMOVE_HEAD(&config->rules, link);
		access_rule_free(rule);
	}
	while ((stream_rule = STAILQ_FIRST(&config->stream_rules))) {
		STAILQ_REMOVE_HEAD(&config->stream_rules, link);
		free(stream_rule);
	}
	access_list_deinit(&config->admins);
	free(config);
}

struct listener_config *
config_new_listener(const char *name)
{
	struct listener_config *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return NULL;
	snprintf(listener->name, sizeof(listener->name), "%s", name);
	config_set_defaults(SCOPE_LISTENER, listener);
	return listener;
}

struct listener_config *
config_add_listener(struct config *config, const char *name)
{
	struct listener_config *listener = config_new_listener(name);

	if (listener)
		STAILQ_INSERT_TAIL(&config->listeners, listener, link);
	return listener;
}

struct access_rule *
config_add_rule(struct config *config, const char *glob)
{
	struct access_rule *rule = access_rule_new(glob);

	if (!rule)
		return NULL;
	config_set_defaults(SCOPE_CHANNEL, rule);
	STAILQ_INSERT_TAIL(&config->rules, rule, link);
	return rule;
}

struct stream_rule *
config_add_stream_rule(struct config *config, const char *glob)
{
	struct stream_rule *rule = stream_rule_new(glob);

	if (!rule)
		return NULL;
	config_set_defaults(SCOPE_STREAM, rule);
	STAILQ_INSERT_TAIL(&config->stream_rules, rule, link);
	return rule;
}

/* Writes the keys of a scope; those without a named section bring their sections along. */
static void
config_print_scope(enum config_scope scope, const void *base, FILE *out)
{
	const char *section = "";

	for (size_t i = 0; i < config_n_rows; i++) {
		if (config_rows[i].scope != scope)
			continue;
		if (scope == SCOPE_CONFIG && strcmp(config_rows[i].section, section) != 0)
			fprintf(out, "%s[%s]\n", *section ? "\n" : "", config_rows[i].section);
		section = config_rows[i].section;
		config_print_value(&config_rows[i], base, out);
	}
}

void
config_print(const struct config *config, FILE *out)
{
	const struct listener_config *listener;
	const struct stream_rule *stream_rule;
	const struct access_rule *rule;

	config_print_scope(SCOPE_CONFIG, config, out);
	STAILQ_FOREACH(listener, &config->listeners, link) {
		fprintf(out, "\n[listener %s]\n", listener->name);
		config_print_scope(SCOPE_LISTENER, listener, out);
	}
	STAILQ_FOREACH(rule, &config->rules, link) {
		fprintf(out, "\n[channel %s]\n", rule->glob);
		config_print_scope(SCOPE_CHANNEL, rule, out);
	}
	STAILQ_FOREACH(stream_rule, &config->stream_rules, link) {
		fprintf(out, "\n[stream %s]\n", stream_rule->glob);
		config_print_scope(SCOPE_STREAM, stream_rule, out);
	}
}
