// Two emitters of mqemitter-redis, as two processes of a broker have them. usage: mqemitter.mjs SOCKET
import { once } from "node:events";
import mqemitter from "mqemitter-redis";
import { Received } from "./conversation.mjs";

const emitters = [1, 2].map(() => mqemitter({ path: process.argv[2] }));
const [a, b] = emitters;
// A subscription that comes before the library's first INFO fails.
await Promise.all(emitters.flatMap((emitter) => [once(emitter.subConn, "ready"), once(emitter.pubConn, "ready")]));

const listen = (emitter, topic, listener) => new Promise((resolve) => emitter.on(topic, listener, resolve));
const emit = (emitter, message) => new Promise((resolve, reject) => emitter.emit(message, (error) => error ? reject(error) : resolve()));
const forget = (emitter, topic, listener) => new Promise((resolve) => emitter.removeListener(topic, listener, resolve));
const all = new Received(), one = new Received();
const toAll = (message, done) => (all.put(message.topic, message.n), done());
const toOne = (message, done) => (one.put(message.topic, message.n), done());

await listen(a, "rooms/#", toAll);
await listen(b, "rooms/+/door", toOne);
for (let n = 0; n < 100; n++) {
	await emit(n % 2 ? a : b, { topic: "rooms/kitchen/door", n });
	await all.expect("rooms/kitchen/door", n);
	await one.expect("rooms/kitchen/door", n);
}
await emit(b, { topic: "rooms/kitchen/light", n: -1 }); // which a alone gets
await all.expect("rooms/kitchen/light", -1);
console.log("wildcards");

await forget(b, "rooms/+/door", toOne);
await listen(b, "rooms/end", toOne);
await emit(a, { topic: "rooms/hall/door", n: -2 });
await emit(a, { topic: "rooms/end", n: -3 });
await all.expect("rooms/hall/door", -2);
await all.expect("rooms/end", -3);
await one.expect("rooms/end", -3);
console.log("removed");

await Promise.all(emitters.map((emitter) => new Promise((resolve) => emitter.close(resolve))));
console.log("bye");
