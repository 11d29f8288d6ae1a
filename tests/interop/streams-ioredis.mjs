// The conversation about streams with ioredis: see streams-interop.bats. usage: streams-ioredis.mjs SOCKET
import assert from "node:assert/strict";
import { Redis } from "ioredis";
import { BYTES, isBlocked, range, restarts } from "./conversation.mjs";

function connect() {
	const client = new Redis({ path: process.argv[2], retryStrategy: () => 20 });
	// Without a listener, errors are printed; the client reconnects by itself.
	client.on("error", () => {});
	return client;
}

const ids = (entries) => entries.map(([id]) => id);
const numbers = (entries) => entries.map(([, [, n]]) => Number(n));

// One connection waits for an entry that the other one adds.
async function checkBlocking(hub, reader) {
	const answer = reader.xread("BLOCK", 60000, "STREAMS", "news", "$");
	await isBlocked(() => hub.info());
	const id = await hub.xadd("news", "*", "text", "hello");
	assert.deepEqual(await answer, [["news", [[id, ["text", "hello"]]]]]);
	assert.equal(await reader.xread("BLOCK", 1, "STREAMS", "news", id), null);
	return id;
}

const hub = connect();
const reader = connect();
const first = await hub.xadd("jobs", "*", "text", BYTES, "empty", "");
const pipeline = hub.pipeline();
for (const n of range(0, 1000))
	pipeline.xadd("jobs", "*", "n", n);
const all = (await pipeline.exec()).map(([error, id]) => id);
assert.equal(await hub.xlen("jobs"), 1001);
const transaction = await hub.multi().xadd("jobs", "*", "n", 1000).xadd("jobs", "*", "n", 1001).exec();
all.push(...transaction.map(([error, id]) => id));
console.log("added");

const [[, [, bytes, , empty]]] = await hub.xrangeBuffer("jobs", "-", "+", "COUNT", 1);
assert.deepEqual([bytes, empty], [BYTES, Buffer.alloc(0)]);
const [[, entries]] = await hub.xread("COUNT", 5000, "STREAMS", "jobs", first);
assert.deepEqual(ids(entries), all);
assert.deepEqual(numbers(entries), range(0, 1002));
assert.deepEqual(numbers(await hub.xrevrange("jobs", "+", "-", "COUNT", 2)), [1001, 1000]);
console.log("read");

let last = await checkBlocking(hub, reader);
console.log("blocked");

await hub.xgroup("CREATE", "jobs", "workers", all.at(-11));
const alice = connect();
const work = async (client, name, id, ...options) =>
	(await client.xreadgroup("GROUP", "workers", name, ...options, "STREAMS", "jobs", id))[0][1];
assert.deepEqual(numbers(await work(alice, "alice", ">", "COUNT", 6)), range(992, 998));
assert.equal(await alice.xack("jobs", "workers", ...all.slice(-10, -6)), 4);
assert.deepEqual(numbers(await work(hub, "bob", ">")), range(998, 1002));
console.log("worked");

// alice ends without a word.
alice.disconnect();
const pending = await hub.xpending("jobs", "workers", "-", "+", 10, "alice");
assert.deepEqual(pending.map(([id, name, , times]) => [id, name, times]), all.slice(-6, -4).map((id) => [id, "alice", 1]));
assert.deepEqual(numbers(await hub.xclaim("jobs", "workers", "bob", 0, ...all.slice(-6, -4))), [996, 997]);
assert.equal(await hub.xack("jobs", "workers", ...all.slice(-6, -4)), 2);
console.log("claimed");

// Each line says that the hub was killed or stopped, and started again: everything is there.
for await (const _ of restarts()) {
	assert.equal(await hub.xlen("jobs"), 1003);
	assert.deepEqual(await hub.xpending("jobs", "workers"), [4, all.at(-4), all.at(-1), [["bob", "4"]]]);
	assert.deepEqual(ids(await work(hub, "bob", "0")), all.slice(-4));
	const id = await checkBlocking(hub, reader);
	assert(id > last);
	last = id;
	console.log("again");
}
assert.equal(await hub.xack("jobs", "workers", ...all.slice(-4)), 4);
await Promise.all([hub.quit(), reader.quit()]);
console.log("bye");
