// Two nodes of moleculer with its transporter for Redis. usage: moleculer.mjs SOCKET
import assert from "node:assert/strict";
import { ServiceBroker } from "moleculer";
import { Received } from "./conversation.mjs";

const node = (nodeID) => new ServiceBroker({
	nodeID,
	logger: false,
	transporter: { type: "Redis", options: { path: process.argv[2] } },
});
const a = node("a"), b = node("b"), events = new Received();

b.createService({
	name: "sums",
	actions: { add: (context) => context.params.x + context.params.y },
	events: { "sums.reset": (context) => events.put(context.params.why, context.nodeID) },
});
await Promise.all([a.start(), b.start()]);
await a.waitForServices("sums");
console.log("discovered");

const sums = await Promise.all(Array.from({ length: 100 }, (_, i) => a.call("sums.add", { x: i, y: 1 })));
assert.deepEqual(sums, Array.from({ length: 100 }, (_, i) => i + 1));
console.log("called");

await a.emit("sums.reset", { why: "emitted" });
await events.expect("emitted", "a");
await a.broadcast("sums.reset", { why: "broadcast" });
await events.expect("broadcast", "a");
console.log("events");

assert.deepEqual(Object.keys(await a.ping()), ["b"]);
console.log("ping");

const gone = new Promise((resolve) => a.localBus.on("$node.disconnected", ({ node, unexpected }) => resolve([node.id, unexpected])));
await b.stop();
assert.deepEqual(await gone, ["b", false]);
await a.stop();
console.log("bye");
