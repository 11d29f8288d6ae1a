#include "serve-request.h"

#include "command.h"
#include "resp-reply.h"
#include "serve-plan.h"
#include "task.h"

bool
serve_request_read(const struct resp_node *node, struct serve_request *ret_request)
{
	static const enum resp_type types[] = { RESP_INTEGER, RESP_BULK,    RESP_INTEGER,
		                                RESP_INTEGER, RESP_INTEGER, RESP_BULK };
	const size_t n = sizeof(types) / sizeof(types[0]);

	if (node->type != RESP_ARRAY || node->elements != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (node[1 + i].type != types[i])
			return false;
	*ret_request = (struct serve_request){
		.id = (uint64_t)node[1].integer,
		.service = node[2].text,
		.left = (uint64_t)node[3].integer,
		.left_text = node[3].text,
		.uid = node[4].text,
		.pid = node[5].text,
		.payload = node[6].text,
	};
	return node[3].integer >= 0;
}

int
serve_request_start(const struct serve_request *request, const struct server_plan *plan, struct loop *loop,
                    size_t answer_max, struct task **ret_task)
{
	const struct command_variable variables[] = {
		{ "UDSD_SERVICE", request->service },
		{ "UDSD_UID", request->uid },
		{ "UDSD_PID", request->pid },
		{ "UDSD_TIMEOUT_MS", request->left_text },
	};
	const struct command command = {
		.path = plan->path,
		.argv = plan->argv,
		.input = request->payload,
		.variables = variables,
		.n = sizeof(variables) / sizeof(variables[0]),
	};

	return task_start(loop, &command, request->left, answer_max, ret_task);
}
