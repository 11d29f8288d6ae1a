// Two applications of feathers with feathers-sync: what one creates, the other's clients hear of. usage: feathers-sync.mjs SOCKET
import assert from "node:assert/strict";
import { once } from "node:events";
import { feathers } from "@feathersjs/feathers";
import sync from "feathers-sync";
import { Received } from "./conversation.mjs";

const application = () => {
	const app = feathers();
	// The scheme of the URI only chooses the adapter.
	app.configure(sync({ uri: "redis://localhost/3", redisOptions: { url: undefined, database: 3, socket: { path: process.argv[2] } } }));
	app.use("messages", {
		create: async (data) => data,
		update: async (id, data) => ({ id, ...data }),
		patch: async (id, data) => ({ id, ...data }),
		remove: async (id) => ({ id }),
	});
	return app;
};
const apps = [application(), application()];
await Promise.all(apps.map((app) => app.sync.ready));
const received = apps.map((app) => {
	const got = new Received();
	for (const event of ["created", "updated", "patched", "removed"])
		app.service("messages").on(event, (data, context) => got.put(event, data, context.path));
	return got;
});
const both = (...wanted) => Promise.all(received.map((got) => got.expect(...wanted, "messages")));
console.log("ready");

for (let n = 0; n < 100; n++) {
	await apps[n % 2].service("messages").create({ n, text: "\u00fc\r\n" });
	await both("created", { n, text: "\u00fc\r\n" });
}
console.log("created");

await apps[0].service("messages").update(1, { a: 1 });
await both("updated", { id: 1, a: 1 });
await apps[1].service("messages").patch(2, { b: [2] });
await both("patched", { id: 2, b: [2] });
await apps[0].service("messages").remove(3);
await both("removed", { id: 3 });
console.log("changed");

// What is not for the others stays here.
const alone = once(apps[1].service("messages"), "created");
apps[1].service("messages").emit("created", { n: -1 }, { [sync.SYNC]: false });
assert.equal((await alone)[0].n, -1);
await apps[0].service("messages").create({ n: 101 });
await received[0].expect("created", { n: 101 }, "messages");
console.log("alone");

await Promise.all(apps.flatMap((app) => [app.sync.pub.close(), app.sync.sub.close()]));
console.log("bye");
