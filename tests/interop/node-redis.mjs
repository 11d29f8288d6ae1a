// The conversation with node-redis. usage: node-redis.mjs RESP SOCKET
import assert from "node:assert/strict";
import { createClient } from "@redis/client";
import { BYTES, Received, publishToBoth, restarts } from "./conversation.mjs";

const [RESP, path] = [Number(process.argv[2]), process.argv[3]];

async function connect(name) {
	const client = createClient({ socket: { path, reconnectStrategy: 20 }, RESP, name });
	// Without a listener, an error ends the program; the client reconnects by itself.
	client.on("error", () => {});
	return client.connect();
}

const bus = await connect("publisher");
assert.match(await bus.info(), /redis_version:7\./);
assert.equal(await bus.publish("news", "x"), 0);
console.log("nobody");

const received = new Received();
const sub = await connect("receiver");
// true: as a Buffer
await sub.subscribe(["news", "gone"], (message, channel) => received.put(channel.toString(), message), true);
await sub.pSubscribe("weather.*", (message, channel) => received.put(channel.toString(), message, "weather.*"), true);
console.log("subscribed");

await publishToBoth(bus, received, "hello");
await publishToBoth(bus, received, BYTES);
await publishToBoth(bus, received, "");
console.log("messages");

// What is sent in one turn of the loop goes out as a pipeline.
const answers = Array.from({ length: 1000 }, (_, i) => bus.publish("news", String(i)));
assert.deepEqual(await Promise.all(answers), Array(1000).fill(1));
for (let i = 0; i < 1000; i++)
	await received.expect("news", Buffer.from(String(i)));
console.log("pipeline");

assert.deepEqual(await bus.multi().publish("news", "one").publish("weather.oslo", "two").exec(), [1, 1]);
await received.expect("news", Buffer.from("one"));
await received.expect("weather.oslo", Buffer.from("two"), "weather.*");
console.log("transaction");

await sub.unsubscribe("gone");
assert.equal(await bus.publish("gone", "x"), 0);
console.log("unsubscribed");

for await (const line of restarts()) {
	await publishToBoth(bus, received, line);
	assert.equal(await bus.publish("gone", "x"), 0);
	assert.equal(await bus.clientGetName(), "publisher");
	console.log("again");
}
await Promise.all([bus.close(), sub.close()]);
console.log("bye");
