#include "serve-request.h"

#include "resp-reply.h"

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
