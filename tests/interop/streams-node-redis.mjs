// The conversation about streams with node-redis: see streams-interop.bats. usage: streams-node-redis.mjs RESP SOCKET
import assert from "node:assert/strict";
import { createClient, RESP_TYPES } from "@redis/client";
import { BYTES, isBlocked, range, restarts } from "./conversation.mjs";

const [RESP, path] = [Number(process.argv[2]), process.argv[3]];

async function connect() {
	const client = createClient({ socket: { path, reconnectStrategy: 20 }, RESP, unstableResp3: true });
	// Without a listener, an error ends the program; the client reconnects by itself.
	client.on("error", () => {});
	return client.connect();
}

const numbers = (messages) => messages.map(({ message }) => Number(message.n));
const ids = (messages) => messages.map(({ id }) => id);

// The library leaves the map that RESP3 has for XREAD as it is.
function entriesOf(answer, key) {
	if (Array.isArray(answer))
		return answer.find(({ name }) => name === key).messages;
	return answer[key].map(([id, [field, value]]) => ({ id, message: { [field]: value } }));
}

// One connection waits for an entry that the other one adds.
async function checkBlocking(hub, reader) {
	const answer = reader.xRead({ key: "news", id: "$" }, { BLOCK: 60000 });
	await isBlocked(() => hub.info());
	const id = await hub.xAdd("news", "*", { text: "hello" });
	assert.deepEqual(ids(entriesOf(await answer, "news")), [id]);
	assert.equal(await reader.xRead({ key: "news", id }, { BLOCK: 1 }), null);
	return id;
}

const hub = await connect();
const reader = await connect();
const first = await hub.xAdd("jobs", "*", { text: BYTES, empty: "" });
// What is sent in one turn of the loop goes out as a pipeline.
const all = await Promise.all(range(0, 1000).map((n) => hub.xAdd("jobs", "*", { n: String(n) })));
assert.equal(await hub.xLen("jobs"), 1001);
all.push(...await hub.multi().xAdd("jobs", "*", { n: "1000" }).xAdd("jobs", "*", { n: "1001" }).exec());
console.log("added");

const buffers = hub.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
const [{ message }] = await buffers.xRange("jobs", "-", "+", { COUNT: 1 });
assert.deepEqual([...Object.values(message)], [BYTES, Buffer.alloc(0)]);
const entries = entriesOf(await hub.xRead({ key: "jobs", id: first }, { COUNT: 5000 }), "jobs");
assert.deepEqual(ids(entries), all);
assert.deepEqual(numbers(entries), range(0, 1002));
assert.deepEqual(numbers(await hub.xRevRange("jobs", "+", "-", { COUNT: 2 })), [1001, 1000]);
console.log("read");

let last = await checkBlocking(hub, reader);
console.log("blocked");

await hub.xGroupCreate("jobs", "workers", all.at(-11));
const alice = await connect();
const work = (client, name, id, options) => client.xReadGroup("workers", name, { key: "jobs", id }, options);
assert.deepEqual(numbers(entriesOf(await work(alice, "alice", ">", { COUNT: 6 }), "jobs")), range(992, 998));
assert.equal(await alice.xAck("jobs", "workers", all.slice(-10, -6)), 4);
assert.deepEqual(numbers(entriesOf(await work(hub, "bob", ">"), "jobs")), range(998, 1002));
console.log("worked");

// alice ends without a word.
alice.destroy();
const pending = await hub.xPendingRange("jobs", "workers", "-", "+", 10, { consumer: "alice" });
assert.deepEqual(pending.map(({ id, deliveriesCounter }) => [id, deliveriesCounter]), all.slice(-6, -4).map((id) => [id, 1]));
assert.deepEqual(numbers((await hub.xAutoClaim("jobs", "workers", "bob", 0, "0-0", { COUNT: 2 })).messages), [996, 997]);
assert.equal(await hub.xAck("jobs", "workers", all.slice(-6, -4)), 2);
console.log("claimed");

// Each line says that the hub was killed or stopped, and started again: everything is there.
for await (const _ of restarts()) {
	assert.equal(await hub.xLen("jobs"), 1003);
	const summary = await hub.xPending("jobs", "workers");
	assert.deepEqual([summary.pending, summary.firstId, summary.lastId], [4, all.at(-4), all.at(-1)]);
	assert.deepEqual(summary.consumers.map(({ name, deliveriesCounter }) => [name, Number(deliveriesCounter)]), [["bob", 4]]);
	assert.deepEqual(ids(entriesOf(await work(hub, "bob", "0"), "jobs")), all.slice(-4));
	const id = await checkBlocking(hub, reader);
	assert(id > last);
	last = id;
	console.log("again");
}
assert.equal(await hub.xAck("jobs", "workers", all.slice(-4)), 4);
await Promise.all([hub.close(), reader.close()]);
console.log("bye");
