// The conversation with ioredis. usage: ioredis.mjs SOCKET
import assert from "node:assert/strict";
import { Redis } from "ioredis";
import { BYTES, Received, publishToBoth, restarts } from "./conversation.mjs";

function connect(connectionName) {
	const client = new Redis({ path: process.argv[2], connectionName, retryStrategy: () => 20 });
	// Without a listener, errors are printed; the client reconnects by itself.
	client.on("error", () => {});
	return client;
}

const bus = connect("publisher");
assert.match(await bus.info(), /redis_version:7\./);
assert.equal(await bus.publish("news", "x"), 0);
console.log("nobody");

const received = new Received();
const sub = connect("receiver");
sub.on("messageBuffer", (channel, message) => received.put(channel.toString(), message));
sub.on("pmessageBuffer", (pattern, channel, message) => received.put(channel.toString(), message, pattern.toString()));
assert.equal(await sub.subscribe("news", "gone"), 2);
assert.equal(await sub.psubscribe("weather.*"), 3);
console.log("subscribed");

await publishToBoth(bus, received, "hello");
await publishToBoth(bus, received, BYTES);
await publishToBoth(bus, received, "");
console.log("messages");

const pipeline = bus.pipeline();
for (let i = 0; i < 1000; i++)
	pipeline.publish("news", i);
assert.deepEqual(await pipeline.exec(), Array(1000).fill([null, 1]));
for (let i = 0; i < 1000; i++)
	await received.expect("news", Buffer.from(String(i)));
console.log("pipeline");

const transaction = bus.multi().publish("news", "one").publish("weather.oslo", "two");
assert.deepEqual(await transaction.exec(), [[null, 1], [null, 1]]);
await received.expect("news", Buffer.from("one"));
await received.expect("weather.oslo", Buffer.from("two"), "weather.*");
console.log("transaction");

assert.equal(await sub.unsubscribe("gone"), 2);
assert.equal(await bus.publish("gone", "x"), 0);
console.log("unsubscribed");

for await (const line of restarts()) {
	await publishToBoth(bus, received, line);
	assert.equal(await bus.publish("gone", "x"), 0);
	assert.equal(await bus.client("GETNAME"), "publisher");
	console.log("again");
}
await Promise.all([bus.quit(), sub.quit()]);
console.log("bye");
