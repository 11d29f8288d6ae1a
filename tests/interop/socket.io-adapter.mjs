// Two servers of socket.io with its adapter for Redis: only the adapters are real. usage: socket.io-adapter.mjs SOCKET
import assert from "node:assert/strict";
import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { Received } from "./conversation.mjs";

const clients = [];

function connect() {
	clients.push(new Redis({ path: process.argv[2] }));
	return clients.at(-1);
}

// What the adapter uses of a server, and one socket in these rooms.
function server(id, rooms) {
	const namespace = { name: "/", sockets: new Map(), server: { encoder: { encode: (packet) => [JSON.stringify(packet.data)] } } };
	const received = new Received();

	namespace._onServerSideEmit = (words) => received.put(...words);
	namespace.sockets.set(id, { id, rooms: new Set(rooms), data: {}, handshake: {}, client: { writeToEngine: ([text]) => received.put(JSON.parse(text)) } });
	namespace.adapter = createAdapter(connect(), connect(), { requestsTimeout: 20000 })(namespace);
	namespace.adapter.addAll(id, new Set(rooms));
	return { adapter: namespace.adapter, received };
}

const to = (...rooms) => ({ rooms: new Set(rooms), except: new Set(), flags: {} });
const a = server("a", ["red", "blue"]), b = server("b", ["blue"]);
while (await a.adapter.serverCount() < 2 || await b.adapter.serverCount() < 2)
	await new Promise((resolve) => setTimeout(resolve, 20));
console.log("servers");

for (let i = 0; i < 100; i++)
	a.adapter.broadcast({ type: 2, data: ["blue", i] }, to("blue"));
for (let i = 0; i < 100; i++) {
	await a.received.expect(["blue", i]);
	await b.received.expect(["blue", i]);
}
b.adapter.broadcast({ type: 2, data: ["red"] }, to("red"));
b.adapter.broadcast({ type: 2, data: ["all"] }, to());
await a.received.expect(["red"]);
await a.received.expect(["all"]);
await b.received.expect(["all"]);
console.log("broadcast");

assert.deepEqual((await a.adapter.fetchSockets(to("blue"))).map((socket) => socket.id).sort(), ["a", "b"]);
assert.deepEqual([...await b.adapter.allRooms()].sort(), ["blue", "red"]);
console.log("requests");

a.adapter.serverSideEmit(["hello", 1]);
await b.received.expect("hello", 1);
console.log("emit");

a.adapter.close();
b.adapter.close();
await Promise.all(clients.map((client) => client.quit()));
console.log("bye");
