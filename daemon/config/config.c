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
	STAILQ_INIT(&config->service_rules);
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
	struct service_rule *service_rule;
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
	while ((service_rule = STAILQ_FIRST(&config->service_rules))) {
		STAILQ_REMOVE_HEAD(&config->service_rules, link);
		service_rule_free(service_rule);
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

bool
config_has_rule(const struct config *config, enum config_scope scope, const char *glob)
{
	const struct access_rule *channel;
	const struct service_rule *service;
	const struct stream_rule *stream;

	if (scope == SCOPE_CHANNEL)
		STAILQ_FOREACH(channel, &config->rules, link)
			if (strcmp(channel->glob, glob) == 0)
				return true;
	if (scope == SCOPE_SERVICE)
		STAILQ_FOREACH(service, &config->service_rules, link)
			if (strcmp(service->glob, glob) == 0)
				return true;
	if (scope == SCOPE_STREAM)
		STAILQ_FOREACH(stream, &config->stream_rules, link)
			if (strcmp(stream->glob, glob) == 0)
				return true;
	return false;
}

/* Adds a rule without values behind the others of its scope. Returns it, or NULL when there is no memory. */
static void *
config_new_rule(struct config *config, enum config_scope scope, const char *glob)
{
	struct access_rule *channel = scope == SCOPE_CHANNEL ? access_rule_new(glob) : NULL;
	struct service_rule *service = scope == SCOPE_SERVICE ? service_rule_new(glob) : NULL;
	struct stream_rule *stream = scope == SCOPE_STREAM ? stream_rule_new(glob) : NULL;

	if (channel)
		STAILQ_INSERT_TAIL(&config->rules, channel, link);
	if (service)
		STAILQ_INSERT_TAIL(&config->service_rules, service, link);
	if (stream)
		STAILQ_INSERT_TAIL(&config->stream_rules, stream, link);
	return channel ? (void *)channel : service ? (void *)service : stream;
}

void *
config_add_rule(struct config *config, enum config_scope scope, const char *glob)
{
	void *rule = config_new_rule(config, scope, glob);

	if (rule)
		config_set_defaults(scope, rule);
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
	const struct service_rule *service_rule;
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
	STAILQ_FOREACH(service_rule, &config->service_rules, link) {
		fprintf(out, "\n[service %s]\n", service_rule->glob);
		config_print_scope(SCOPE_SERVICE, service_rule, out);
	}
	STAILQ_FOREACH(stream_rule, &config->stream_rules, link) {
		fprintf(out, "\n[stream %s]\n", stream_rule->glob);
		config_print_scope(SCOPE_STREAM, stream_rule, out);
	}
}
