// MQTT clients of two brokers, aedes, which share their messages by mqemitter-redis. usage: aedes.mjs SOCKET
import { once } from "node:events";
import { createServer } from "node:net";
import aedes from "aedes";
import mqtt from "mqtt";
import mqemitter from "mqemitter-redis";
import { Received } from "./conversation.mjs";

async function begin() {
	const mq = mqemitter({ path: process.argv[2] });
	// A subscription that comes before the library's first INFO fails.
	await Promise.all([once(mq.subConn, "ready"), once(mq.pubConn, "ready")]);
	const broker = aedes({ mq }), server = createServer(broker.handle);
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	return { broker, mq, server, client: await mqtt.connectAsync(`mqtt://127.0.0.1:${server.address().port}`) };
}

const places = [await begin(), await begin()];
const [a, b] = places.map((place) => place.client);
const received = places.map((place) => {
	const all = new Received();
	place.client.on("message", (topic, payload) => all.put(topic, Number(payload)));
	return all;
});

await a.subscribeAsync("rooms/#", { qos: 1 });
await b.subscribeAsync("rooms/+/door", { qos: 1 });
for (let n = 0; n < 50; n++) {
	await (n % 2 ? a : b).publishAsync("rooms/kitchen/door", String(n), { qos: 1 });
	for (const all of received)
		await all.expect("rooms/kitchen/door", n);
}
await b.publishAsync("rooms/kitchen/light", "-1", { qos: 1 }); // which a alone gets
await received[0].expect("rooms/kitchen/light", -1);
console.log("shared");

await a.unsubscribeAsync("rooms/#");
await a.subscribeAsync("end", { qos: 1 });
await b.publishAsync("rooms/hall/door", "-2", { qos: 1 });
await received[1].expect("rooms/hall/door", -2);
await b.publishAsync("end", "-3", { qos: 1 });
await received[0].expect("end", -3);
console.log("unsubscribed");

for (const { broker, mq, server, client } of places) {
	const left = once(broker, "clientDisconnect");
	await client.endAsync();
	await left;
	// What the library has not sent when it sends QUIT fails without anybody who looks at it.
	await new Promise(setImmediate);
	await Promise.all([mq.subConn.ping(), mq.pubConn.ping()]);
	server.close();
	await new Promise((resolve) => broker.close(resolve));
}
console.log("bye");
