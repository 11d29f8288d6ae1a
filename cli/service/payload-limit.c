#include "payload-limit.h"

#include "num.h"
#include "resp-reply.h"

void
payload_limit_ask(struct slice ret_words[PAYLOAD_LIMIT_WORDS])
{
	ret_words[0] = slice_of("CONFIG");
	ret_words[1] = slice_of("GET");
	ret_words[2] = slice_of("proto-max-bulk-len");
}

void
payload_limit_read(const struct resp_node *nodes, size_t *limit)
{
	int64_t value;

	if (nodes->type == RESP_ARRAY && nodes->elements == 2 &&
	    num_parse_resp(nodes[2].text.p, nodes[2].text.len, &value) == 0 && value > 0)
		*limit = (size_t)value;
}
